#include "services/history/files/rows/path_columns.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <utility>

namespace gridledger::files {

PathColumns::PathColumns(std::vector<std::string> names)
    : collecting_(false), names_(std::move(names)) {
  for (size_t i = 0; i < names_.size(); ++i) places_.emplace(names_[i], static_cast<int>(i));
}

int PathColumns::Find(absl::string_view path) {
  if (path.size() > kPathBytesMax) return -1;
  const auto found = places_.find(path);
  if (found != places_.end()) return found->second;
  if (!collecting_ || path.empty() || names_.size() == kColumnsMax) return -1;
  const int place = static_cast<int>(names_.size());
  names_.emplace_back(path);
  places_.emplace(path, place);
  return place;
}

void PathValues::Clear() {
  texts_.clear();
  places_.assign(columns_->names().size(), Place{});
  rejected_.clear();
}

PathValues::Place* PathValues::Tell(absl::string_view path) {
  const int found = columns_->Find(path);
  if (found < 0) return nullptr;
  const auto column = static_cast<size_t>(found);
  if (column >= places_.size()) places_.resize(column + 1);
  if (!std::exchange(places_[column].told, true)) {
    return columns_->collecting() ? nullptr : &places_[column];
  }
  if (column >= repeated_.size()) repeated_.resize(column + 1);
  repeated_[column] = true;
  if (!columns_->collecting()) Reject(absl::StrCat("more than one value for ", path));
  return nullptr;
}

void PathValues::Add(absl::string_view path, absl::string_view text) {
  Place* const place = Tell(path);
  if (place == nullptr) return;
  if (text.size() > kFieldBytesMax) {
    Reject(absl::StrFormat("a text of more than %d bytes", kFieldBytesMax));
  } else if (texts_.size() + text.size() > kRowBytesMax) {
    Reject(absl::StrFormat("more than %d bytes", kRowBytesMax));
  } else {
    place->from = texts_.size();
    place->size = text.size();
    texts_.append(text.data(), text.size());
  }
}

void PathValues::AddBad(absl::string_view path, absl::string_view reason) {
  if (Tell(path) != nullptr) Reject(reason);
}

void PathValues::Reject(absl::string_view reason) {
  if (rejected_.empty()) rejected_ = std::string(reason);
}

absl::string_view PathValues::text(size_t column) const {
  if (!has(column)) return "";
  return absl::string_view(texts_).substr(places_[column].from, places_[column].size);
}

}  // namespace gridledger::files
