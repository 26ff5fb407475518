absl::Time Now() { return absl::Now(); }
