#include "services/runtime/adapters/table_files/tails.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "services/base/digest.h"

namespace gridledger::table_files {
namespace {

constexpr uint64_t kFooterBytes = 53;  // checksum 1, two places 40, version 4, magic 8
constexpr size_t kVersionAt = 41;
constexpr absl::string_view kMagic("\xf7\xcf\xf4\x85\xb7\x41\xe2\x88", 8);
constexpr uint64_t kTrailerBytes = 5;      // after a block: compression 1, checksum 4
constexpr uint64_t kBlockMax = 16 << 20;   // ours have a few hundred bytes
constexpr uint64_t kTailBytes = 16 << 10;  // nearly always all that is looked at
constexpr absl::string_view kProperties = "rocksdb.properties";

struct Place {
  uint64_t at = 0, size = 0;
};

// Takes a little-endian base-128 number from the front of the bytes.
bool TakeVarint(absl::string_view* bytes, uint64_t* value) {
  *value = 0;
  for (int shift = 0; shift < 64 && !bytes->empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes->front());
    bytes->remove_prefix(1);
    *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool TakePlace(absl::string_view* bytes, Place* place) {
  return TakeVarint(bytes, &place->at) && TakeVarint(bytes, &place->size);
}

uint32_t Fixed32(absl::string_view bytes) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

// RocksDB's checksum of a block and its compression type, by XXH3: the last byte goes in by hand.
uint32_t Checksum(absl::string_view block, char compression) {
  constexpr uint32_t kPrime = 0x6b9083d9;
  return static_cast<uint32_t>(Fingerprint(block)) ^
         static_cast<unsigned char>(compression) * kPrime;
}

// The place that a list of blocks gives for a name; nothing when it is not there or not a list.
std::optional<Place> FindPlace(absl::string_view list, absl::string_view name) {
  if (list.size() < 4) return std::nullopt;
  const uint64_t restarts = Fixed32(list.substr(list.size() - 4));
  if (restarts > list.size() / 4 - 1) return std::nullopt;
  list.remove_suffix(4 * (restarts + 1));
  std::string key;
  while (!list.empty()) {
    uint64_t shared, own, value;
    if (!TakeVarint(&list, &shared) || !TakeVarint(&list, &own) || !TakeVarint(&list, &value) ||
        shared > key.size() || own > list.size() || value > list.size() - own) {
      return std::nullopt;
    }
    key.resize(shared);
    key.append(list.data(), own);
    absl::string_view at = list.substr(own, value);
    list.remove_prefix(own + value);
    Place place;
    if (key == name) return TakePlace(&at, &place) ? std::make_optional(place) : std::nullopt;
  }
  return std::nullopt;
}

// A file and the end of it.
class TailOf {
 public:
  TailOf(std::unique_ptr<rocksdb::RandomAccessFile> file, uint64_t size)
      : file_(std::move(file)), size_(size) {}

  bool Read() {
    from_ = size_ - std::min(size_, kTailBytes);
    return ReadAt(from_, size_ - from_, &tail_);
  }
  absl::string_view footer() const {
    return absl::string_view(tail_).substr(tail_.size() - kFooterBytes);
  }

  // False when the block is not wholly in the file, not as its checksum says, or larger than ours.
  bool CheckedBlock(const Place& place, std::string* block) const {
    if (place.size > kBlockMax || place.at > size_ ||
        place.size + kTrailerBytes > size_ - place.at) {
      return false;
    }
    const uint64_t bytes = place.size + kTrailerBytes;
    if (place.at >= from_) {
      *block = tail_.substr(place.at - from_, bytes);
    } else if (!ReadAt(place.at, bytes, block)) {
      return false;
    }
    const absl::string_view all(*block);
    const bool sound =
        Fixed32(all.substr(place.size + 1)) == Checksum(all.substr(0, place.size), all[place.size]);
    block->resize(place.size);
    return sound;
  }

 private:
  bool ReadAt(uint64_t at, uint64_t bytes, std::string* to) const {
    to->resize(bytes);
    rocksdb::Slice got;
    if (!file_->Read(at, bytes, &got, to->data()).ok() || got.size() != bytes) return false;
    if (got.data() != to->data()) to->assign(got.data(), got.size());
    return true;
  }

  const std::unique_ptr<rocksdb::RandomAccessFile> file_;
  const uint64_t size_;
  uint64_t from_ = 0;
  std::string tail_;
};

// The first unsound part's name; empty for a sound tail.
absl::string_view Unsound(const TailOf& tail) {
  constexpr char kVersion[4] = {kFormatVersion, 0, 0, 0};
  absl::string_view footer = tail.footer();
  if (footer[0] != static_cast<char>(kChecksum) ||
      footer.substr(kVersionAt, 4) != absl::string_view(kVersion, 4)) {
    return "footer";
  }
  footer.remove_prefix(1);
  Place list_at;
  std::string list, properties;
  if (!TakePlace(&footer, &list_at)) return "footer";
  if (!tail.CheckedBlock(list_at, &list)) return "list of blocks";
  const std::optional<Place> properties_at = FindPlace(list, kProperties);
  if (!properties_at) return "list of blocks";
  if (!tail.CheckedBlock(*properties_at, &properties)) return "properties";
  return "";
}

}  // namespace

absl::Status CheckTail(rocksdb::Env& env, const std::string& path) {
  uint64_t size = 0;
  std::unique_ptr<rocksdb::RandomAccessFile> file;
  if (!env.GetFileSize(path, &size).ok() || size < kFooterBytes ||
      !env.NewRandomAccessFile(path, &file, rocksdb::EnvOptions()).ok()) {
    return absl::OkStatus();
  }
  TailOf tail(std::move(file), size);
  if (!tail.Read() || !absl::EndsWith(tail.footer(), kMagic)) return absl::OkStatus();
  const absl::string_view part = Unsound(tail);
  if (part.empty()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(path, ": its ", part, " is damaged"));
}

absl::Status CheckTails(rocksdb::Env& env, const std::string& folder) {
  std::vector<std::string> files;
  env.GetChildren(folder, &files).PermitUncheckedError();  // opening will say
  for (const std::string& file : files) {
    if (!absl::EndsWith(file, ".sst")) continue;
    absl::Status status = CheckTail(env, absl::StrCat(folder, "/", file));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace gridledger::table_files
