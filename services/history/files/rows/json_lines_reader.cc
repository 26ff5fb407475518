#include "services/history/files/rows/json_lines_reader.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

#include "services/base/digest.h"

namespace gridledger::files {

// The events of nlohmann's parser, which keeps no tree and does not recurse; each returns whether
// to go on.
class JsonLinesReader::ObjectReader final : public nlohmann::json::json_sax_t {
 public:
  explicit ObjectReader(PathValues* values) : values_(values) {}

  void Read(absl::string_view line) {
    path_.clear();
    depth_.clear();
    nlohmann::json::sax_parse(line.begin(), line.end(), this);
  }

  bool null() override { return Take(""); }
  bool boolean(bool value) override { return Take(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return Take(absl::StrCat(value)); }
  bool number_unsigned(number_unsigned_t value) override { return Take(absl::StrCat(value)); }
  bool number_float(number_float_t, const string_t& text) override { return Take(text); }
  bool string(string_t& text) override { return Take(text); }
  bool binary(binary_t&) override { return false; }  // JSON has none
  bool start_object(size_t) override { return Enter(-1); }
  bool end_object() override { return Leave(); }
  bool start_array(size_t) override {
    if (depth_.empty()) return NoObject();
    return Enter(0);
  }
  bool end_array() override { return Leave(); }
  bool key(string_t& name) override {
    path_.resize(depth_.back().path_size);
    // A path that is too long stays so, and needs no more bytes.
    if (path_.size() <= kPathBytesMax) {
      absl::StrAppend(&path_, path_.empty() ? "" : ".",
                      absl::string_view(name).substr(0, kPathBytesMax + 1));
    }
    return true;
  }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::json::exception& error) override {
    constexpr int kOutOfRange = 406;
    const absl::string_view what =
        error.id == kOutOfRange ? "a number that is too large ends" : "no JSON: a mistake";
    values_->Reject(absl::StrCat(what, " at byte ", position, " of the line"));
    return false;
  }

 private:
  struct Level {
    size_t path_size;  // of the path up to here
    int64_t index;     // of the next item of a list; -1 in an object
  };

  bool NoObject() {
    values_->Reject("no JSON object");
    return false;
  }

  // Before each value: in a list, its place belongs to the path.
  void Reach() {
    Level& level = depth_.back();
    if (level.index < 0) return;
    path_.resize(level.path_size);
    const int64_t index = level.index++;
    if (path_.size() <= kPathBytesMax) absl::StrAppend(&path_, ".", index);
  }

  bool Take(absl::string_view text) {
    if (depth_.empty()) return NoObject();
    Reach();
    values_->Add(path_, text);
    return values_->rejected().empty();
  }

  bool Enter(int64_t index) {
    if (!depth_.empty()) Reach();
    if (depth_.size() == kPathDepthMax) {
      values_->Reject(absl::StrFormat("more than %d values within one another", kPathDepthMax));
      return false;
    }
    depth_.push_back(Level{path_.size(), index});
    return true;
  }

  bool Leave() {
    depth_.pop_back();
    return true;
  }

  PathValues* const values_;
  std::string path_;
  std::vector<Level> depth_;
};

JsonLinesReader::JsonLinesReader(std::unique_ptr<InputStream> input, PathColumns columns)
    : input_(std::move(input)),
      columns_(std::move(columns)),
      object_(std::make_unique<ObjectReader>(&values_)) {}

JsonLinesReader::~JsonLinesReader() = default;

absl::StatusOr<bool> JsonLinesReader::Next(InputRow* row) {
  if (!failed_.ok()) return failed_;
  do {
    const absl::StatusOr<bool> found = NextLine();
    if (!found.ok()) {
      failed_ = absl::Status(found.status().code(),
                             absl::StrCat(found.status().message(), "; line ", lines_ + 1));
      return failed_;
    }
    if (!*found) return false;
  } while (!too_long_ && absl::StripAsciiWhitespace(line_text_).empty());
  values_.Clear();
  if (too_long_) {
    values_.Reject(absl::StrFormat("more than %d bytes", kRowBytesMax));
  } else {
    object_->Read(line_text_);
  }
  row->number = ++rows_;
  if (rows_ == 1) beginning_ = Fingerprint(line_text_);
  row->line = lines_;
  row->rejected = values_.rejected();
  row->raw.clear();
  if (!row->rejected.empty()) row->raw.assign(line_text_.data(), line_text_.size());
  row->fields.clear();
  if (columns_.collecting()) return true;
  for (size_t i = 0; i < columns_.names().size(); ++i) row->fields.push_back(values_.text(i));
  return true;
}

absl::StatusOr<bool> JsonLinesReader::NextLine() {
  gathered_.clear();
  too_long_ = false;
  bool begun = false;
  while (true) {
    if (piece_.empty() && !ended_) {
      auto piece = input_->Read();
      if (!piece.ok()) return piece.status();
      piece_ = *piece;
      ended_ = piece_.empty();
    }
    if (piece_.empty()) break;
    begun = true;
    const void* const end = memchr(piece_.data(), '\n', piece_.size());
    const size_t size =
        end == nullptr ? piece_.size() : static_cast<const char*>(end) - piece_.data();
    const absl::string_view part = piece_.substr(0, size);
    piece_.remove_prefix(std::min(size + 1, piece_.size()));
    too_long_ = too_long_ || gathered_.size() + part.size() > kRowBytesMax;
    if (end != nullptr && gathered_.empty()) {
      line_text_ = part;
      ++lines_;
      return true;
    }
    if (!too_long_) gathered_.append(part.data(), part.size());
    if (end != nullptr) break;
  }
  line_text_ = gathered_;
  if (begun) ++lines_;
  return begun;
}

}  // namespace gridledger::files
