#include "services/gridledger/import_record.h"

#include <fcntl.h>
#include <unistd.h>

#include <absl/strings/str_cat.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace gridledger::cli {
namespace {

struct Kept {
  ImportRecord record;
  v1::Mapping mapping;
};

std::string PathOf(const std::string& folder, std::string source) {
  std::replace(source.begin(), source.end(), '#', '-');
  return absl::StrCat(folder, "/imports/", source, ".json");
}

// Rows 0 when there is none.
absl::StatusOr<Kept> Read(const std::string& path) {
  Kept record;
  std::ifstream file(path, std::ios::binary);
  if (!file) return record;
  std::ostringstream text;
  text << file.rdbuf();
  const auto json = nlohmann::json::parse(text.str(), nullptr, false);
  if (!json.is_object() || !json.contains("rows") || !json["rows"].is_number_integer() ||
      !json.contains("mapping") || !json["mapping"].is_string() ||
      !google::protobuf::TextFormat::ParseFromString(json["mapping"].get<std::string>(),
                                                     &record.mapping)) {
    return absl::DataLossError(absl::StrCat(
        path, " cannot be read: remove it if you are sure that the mapping is the same as before"));
  }
  record.record = {.rows = json["rows"].get<int64_t>(), .complete = json.value("complete", false)};
  return record;
}

absl::Status Failed(const std::string& path) {
  return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<ImportRecord> CheckImportRecord(const std::string& folder, const std::string& source,
                                               const v1::Mapping& mapping) {
  const std::string path = PathOf(folder, source);
  absl::StatusOr<Kept> kept = Read(path);
  if (!kept.ok()) return kept.status();
  if (kept->record.rows == 0) return kept->record;
  google::protobuf::util::MessageDifferencer differencer;
  std::string differences;
  differencer.ReportDifferencesToString(&differences);
  if (differencer.Compare(kept->mapping, mapping)) return kept->record;
  return absl::FailedPreconditionError(absl::StrCat(
      source, " is in the ledger by another mapping:\n", differences,
      "Put the mapping back as it was, or import into a new folder: one input told in two "
      "ways is two histories."));
}

absl::Status KeepImportRecord(const std::string& folder, const std::string& source,
                              const v1::Mapping& mapping, ImportRecord record) {
  const std::string path = PathOf(folder, source);
  absl::StatusOr<Kept> before = Read(path);
  if (!before.ok()) return before.status();
  record.rows = std::max(record.rows, before->record.rows);
  if (record.rows == 0) return absl::OkStatus();
  nlohmann::ordered_json json;
  json["source"] = source;
  json["rows"] = record.rows;
  json["complete"] = record.complete;
  std::string text;
  google::protobuf::TextFormat::PrintToString(mapping, &text);
  json["mapping"] = text;
  text = absl::StrCat(json.dump(2), "\n");
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  const std::string part = absl::StrCat(path, ".part");
  const int file = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return Failed(part);
  const bool written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(file) == 0;
  const int why = errno;
  ::close(file);
  errno = why;
  if (!written) return Failed(part);
  if (std::rename(part.c_str(), path.c_str()) != 0) return Failed(path);
  return absl::OkStatus();
}

}  // namespace gridledger::cli
