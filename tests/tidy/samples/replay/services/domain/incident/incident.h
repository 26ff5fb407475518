#pragma once

using Index = absl::flat_hash_map<int, int>;

struct Incidents {
  absl::flat_hash_map<int, std::vector<absl::flat_hash_set<int>>> open_;
};
