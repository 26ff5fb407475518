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
  ImportMeans means;
  bool has_policy = false;  // earlier versions kept the mapping alone
};

std::string Differences(const google::protobuf::Message& before,
                        const google::protobuf::Message& now) {
  google::protobuf::util::MessageDifferencer differencer;
  std::string differences;
  differencer.ReportDifferencesToString(&differences);
  return differencer.Compare(before, now) ? std::string() : differences;
}

std::string TextOf(const google::protobuf::Message& message) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(message, &text);
  return text;
}

// Of all that the mapping names; a file that only one of them has is told by the mappings.
std::string Differences(const Kept& kept, const ImportMeans& now) {
  std::string text = Differences(kept.means.mapping, now.mapping);
  if (kept.has_policy) {
    const std::string policy = Differences(kept.means.policy, now.policy);
    if (!policy.empty()) {
      absl::StrAppend(&text, "the policy ", now.mapping.policy(), ":\n", policy);
    }
  }
  for (const auto& [file, fingerprint] : now.files) {
    const auto before = kept.means.files.find(file);
    if (before != kept.means.files.end() && before->second != fingerprint) {
      absl::StrAppend(&text, "the file ", file, " has changed\n");
    }
  }
  return text;
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
                                                     &record.means.mapping)) {
    return absl::DataLossError(absl::StrCat(
        path, " cannot be read: remove it if you are sure that the mapping is the same as before"));
  }
  record.record.rows = json["rows"].get<int64_t>();
  const auto number = [](const nlohmann::json& of, const char* name) -> int64_t {
    return of.is_object() && of.contains(name) && of[name].is_number_integer()
               ? of[name].get<int64_t>()
               : 0;
  };
  const auto is_complete = [](const nlohmann::json& of) {
    return of.is_object() && of.contains("complete") && of["complete"] == true;
  };
  if (json.contains("rounds") && json["rounds"].is_array()) {
    for (const auto& round : json["rounds"]) {
      record.record.rounds.push_back(
          {.number = static_cast<int>(number(round, "number")), .complete = is_complete(round)});
    }
  } else if (record.record.rows > 0) {
    record.record.rounds.push_back({.number = 1, .complete = is_complete(json)});
  }
  record.has_policy = json.contains("policy") && json["policy"].is_string() &&
                      google::protobuf::TextFormat::ParseFromString(
                          json["policy"].get<std::string>(), &record.means.policy);
  if (json.contains("files") && json["files"].is_object()) {
    for (const auto& [name, fingerprint] : json["files"].items()) {
      if (fingerprint.is_number_unsigned()) record.means.files[name] = fingerprint.get<uint64_t>();
    }
  }
  return record;
}

absl::Status Failed(const std::string& path) {
  return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
}

}  // namespace

std::string ImportRecordPath(const std::string& folder, const std::string& source) {
  std::string name = source;
  std::replace(name.begin(), name.end(), '#', '-');
  return absl::StrCat(folder, "/imports/", name, ".json");
}

absl::StatusOr<ImportRecord> ReadImportRecord(const std::string& path) {
  absl::StatusOr<Kept> kept = Read(path);
  if (!kept.ok()) return kept.status();
  return std::move(kept->record);
}

absl::StatusOr<ImportRecord> CheckImportRecord(const std::string& folder, const std::string& source,
                                               const ImportMeans& means) {
  const absl::StatusOr<Kept> kept = Read(ImportRecordPath(folder, source));
  if (!kept.ok()) return kept.status();
  // What made nothing of all the rows that it read is in no history.
  if (kept->record.rounds.empty()) return kept->record;
  const std::string differences = Differences(*kept, means);
  if (differences.empty()) return kept->record;
  return absl::FailedPreconditionError(absl::StrCat(
      source, " is in the ledger by another mapping:\n", differences,
      "Put it back as it was, or import into a new folder: one input told in two ways is two "
      "histories."));
}

absl::Status KeepImportRecord(const std::string& folder, const std::string& source,
                              const ImportMeans& means, ImportRecord record) {
  const std::string path = ImportRecordPath(folder, source);
  const absl::StatusOr<Kept> before = Read(path);
  if (!before.ok()) return before.status();
  record.rows = std::max(record.rows, before->record.rows);
  if (record.rows == 0) return absl::OkStatus();
  nlohmann::ordered_json json;
  json["source"] = source;
  json["rows"] = record.rows;
  json["rounds"] = nlohmann::ordered_json::array();
  for (const ImportRound& round : record.rounds) {
    json["rounds"].push_back({{"number", round.number}, {"complete", round.complete}});
  }
  json["mapping"] = TextOf(means.mapping);
  json["policy"] = TextOf(means.policy);
  json["files"] = means.files;
  const std::string text = absl::StrCat(json.dump(2), "\n");
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
