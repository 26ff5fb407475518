#include "services/history/importing/import_record.h"

#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
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

#include "services/history/files/bytes/durable.h"
#include "services/runtime/console/json_text.h"

namespace gridledger::cli {
namespace {

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

// Whether it is a table with all the lines that it had.
bool HasGrown(const std::string& file, const ImportMeans& before, const ImportMeans& now) {
  const auto had = before.lines.find(file);
  const auto has = now.lines.find(file);
  return had != before.lines.end() && has != now.lines.end() &&
         std::includes(has->second.begin(), has->second.end(), had->second.begin(),
                       had->second.end());
}

// Of all that the mapping names; a file that only one of them has is told by the mappings.
std::string Differences(const ImportMeans& before, const ImportMeans& now) {
  std::string text = Differences(before.mapping, now.mapping);
  const std::string policy = Differences(before.policy, now.policy);
  if (!policy.empty()) {
    absl::StrAppend(&text, "the policy ", now.mapping.policy(), ":\n", policy);
  }
  for (const auto& [file, fingerprint] : now.files) {
    const auto there = before.files.find(file);
    if (there == before.files.end() || there->second == fingerprint) continue;
    if (!HasGrown(file, before, now)) absl::StrAppend(&text, "the file ", file, " has changed\n");
  }
  return text;
}

// Sixteen digits each.
std::string TextOf(const std::vector<uint64_t>& lines) {
  std::string text;
  for (const uint64_t line : lines) absl::StrAppend(&text, absl::Hex(line, absl::kZeroPad16));
  return text;
}

bool ReadLines(absl::string_view text, std::vector<uint64_t>* lines) {
  constexpr size_t kDigits = 16;
  for (; text.size() >= kDigits; text.remove_prefix(kDigits)) {
    if (!absl::SimpleHexAtoi(text.substr(0, kDigits), &lines->emplace_back())) return false;
  }
  return text.empty();
}

// The texts of a JSON object as messages; false when one is missing, or none.
bool ReadMeans(const nlohmann::json& json, ImportMeans* means) {
  const auto read = [&](const char* name, google::protobuf::Message* message) {
    return json.is_object() && json.contains(name) && json[name].is_string() &&
           google::protobuf::TextFormat::ParseFromString(json[name].get<std::string>(), message);
  };
  if (!read("mapping", &means->mapping) || !read("policy", &means->policy)) return false;
  if (!json.contains("files") || !json["files"].is_object()) return false;
  for (const auto& [name, fingerprint] : json["files"].items()) {
    if (!fingerprint.is_number_unsigned()) return false;
    means->files[name] = fingerprint.get<uint64_t>();
  }
  if (!json.contains("lines")) return true;
  if (!json["lines"].is_object()) return false;
  for (const auto& [name, text] : json["lines"].items()) {
    if (!text.is_string() || !ReadLines(text.get<std::string>(), &means->lines[name])) return false;
  }
  return true;
}

bool ReadRound(const nlohmann::json& json, size_t means, ImportRound* round) {
  const auto is_number = [&](const char* name) {
    return json.contains(name) && json[name].is_number_unsigned();
  };
  if (!json.is_object() || !is_number("number") || !is_number("means") || !is_number("rows") ||
      !is_number("checksum") || !json.contains("complete") || !json["complete"].is_boolean() ||
      !json.contains("along") || !json["along"].is_array()) {
    return false;
  }
  round->number = json["number"].get<int>();
  round->rows = json["rows"].get<uint64_t>();
  round->checksum = json["checksum"].get<uint64_t>();
  round->complete = json["complete"].get<bool>();
  round->means = json["means"].get<size_t>();
  for (const auto& along : json["along"]) {
    if (!along.is_number_unsigned()) return false;
    round->along.push_back(along.get<int>());
  }
  return round->means < means;
}

bool ReadRecord(const nlohmann::json& json, ImportRecord* record) {
  for (const char* list : {"means", "rounds"}) {
    if (!json.contains(list) || !json[list].is_array()) return false;
  }
  if (!json.contains("inputs") || !json["inputs"].is_object()) return false;
  for (const auto& means : json["means"]) {
    if (!ReadMeans(means, &record->means.emplace_back())) return false;
  }
  for (const auto& round : json["rounds"]) {
    if (!ReadRound(round, record->means.size(), &record->rounds.emplace_back())) return false;
  }
  for (const auto& [name, means] : json["inputs"].items()) {
    if (!means.is_number_unsigned() || means.get<size_t>() >= record->means.size()) return false;
    record->inputs[name] = means.get<size_t>();
  }
  return true;
}

// Without the states that came behind those of `before`, and the names that came to those.
ImportMeans WithoutNewStates(const ImportMeans& before, ImportMeans now) {
  const v1::EventColumns& events = before.mapping.events();
  const int count = events.states_size();
  auto* const states = now.mapping.mutable_events()->mutable_states();
  if (!before.mapping.has_events() || states->size() < count) return now;
  states->DeleteSubrange(count, states->size() - count);
  for (int i = 0; i < count; ++i) {
    const auto& had = events.states(i).names();
    auto* const has = states->at(i).mutable_names();
    const bool grown = std::all_of(had.begin(), had.end(), [&](const std::string& name) {
      return std::find(has->begin(), has->end(), name) != has->end();
    });
    if (grown) *has = had;
  }
  return now;
}

bool IsOfEarlierBuild(const nlohmann::json& json) {
  return json.contains("rows") && json["rows"].is_number_integer() && json.contains("mapping") &&
         json["mapping"].is_string();
}

absl::Status Failed(const std::string& path) {
  return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
}

}  // namespace

const ImportRound* ImportRecord::Find(int round) const {
  for (const ImportRound& one : rounds) {
    if (one.number == round) return &one;
  }
  return nullptr;
}

size_t ImportRecord::Remember(const ImportMeans& now) {
  for (size_t i = 0; i < means.size(); ++i) {
    // A file that only one of them names makes their mappings different, too.
    if (means[i].files == now.files && Differences(means[i], now).empty()) return i;
  }
  means.push_back(now);
  return means.size() - 1;
}

std::string RoundName(const std::string& source, int round) {
  return absl::StrCat(source, "#", round);
}

int RoundOf(absl::string_view name, absl::string_view source) {
  // Earlier builds named a source by how its file begins, in eight digits.
  constexpr size_t kDigitsMax = 5;
  int round = 0;
  const bool is_round = absl::ConsumePrefix(&name, source) && absl::ConsumePrefix(&name, "#") &&
                        name.size() <= kDigitsMax && absl::SimpleAtoi(name, &round);
  return is_round && round > 0 ? round : 0;
}

std::string ImportRecordPath(const std::string& folder, const std::string& source) {
  return absl::StrCat(folder, "/imports/", source, ".json");
}

absl::StatusOr<ImportRecord> ReadImportRecord(const std::string& path) {
  ImportRecord record;
  std::ifstream file(path, std::ios::binary);
  if (!file) return record;
  std::ostringstream text;
  text << file.rdbuf();
  const auto json = nlohmann::json::parse(text.str(), nullptr, false);
  if (json.is_object() && IsOfEarlierBuild(json)) {
    return absl::FailedPreconditionError(absl::StrCat(
        path,
        " was written by an earlier build: what it has can be read and followed, and nothing ",
        "more of this source can come in. Import all of its files at once into a new folder"));
  }
  if (!json.is_object() || !ReadRecord(json, &record)) {
    return absl::DataLossError(absl::StrCat(
        path, " cannot be read: bring it back from a copy, or import into a new folder"));
  }
  return record;
}

absl::StatusOr<ImportRecord> FindImportRecord(const std::string& folder,
                                              const std::string& source) {
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(absl::StrCat(folder, "/imports"), error)) {
    // Of its inputs each had its own, by eight hex digits.
    const std::string name = entry.path().stem().string();
    absl::string_view digits = name;
    const bool is_input = absl::ConsumePrefix(&digits, source) &&
                          absl::ConsumePrefix(&digits, "-") && digits.size() == 8 &&
                          std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit);
    if (entry.path().extension() != ".json" || !is_input) continue;
    const absl::StatusOr<ImportRecord> other = ReadImportRecord(entry.path().string());
    if (other.status().code() == absl::StatusCode::kFailedPrecondition) return other.status();
  }
  return ReadImportRecord(ImportRecordPath(folder, source));
}

absl::Status CheckSameMeans(const std::string& name, const ImportMeans& before,
                            const ImportMeans& now) {
  const std::string differences = Differences(before, now);
  if (differences.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      name, " is in the ledger by another mapping:\n", differences,
      "Put it back as it was, or import into a new folder: one input told in two ways is two "
      "histories."));
}

absl::Status CheckGoesOn(const std::string& name, const ImportMeans& before,
                         const ImportMeans& now) {
  ImportMeans cut = WithoutNewStates(before, now);
  cut.files = before.files;
  return Differences(before, cut).empty() ? absl::OkStatus() : CheckSameMeans(name, before, now);
}

absl::Status CheckHasGoneOn(const std::string& name, const ImportRecord& record,
                            const ImportMeans& before, const ImportMeans& now) {
  const absl::Status same = CheckSameMeans(name, before, now);
  if (same.ok()) return same;
  if (!Differences(before, WithoutNewStates(before, now)).empty()) return same;
  // Rows of its new states were rejected by the one before, and are there now.
  const bool has_gone_on =
      std::any_of(record.rounds.begin(), record.rounds.end(), [&](const ImportRound& round) {
        return round.complete && Differences(record.means[round.means], now).empty();
      });
  if (has_gone_on) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      same.message(), " States that came to it go on with it once the rows that were rejected for ",
      "them have been imported by it: DIR/rejected."));
}

absl::Status KeepImportRecord(const std::string& folder, const std::string& source,
                              const ImportRecord& record) {
  if (record.rounds.empty()) return absl::OkStatus();
  const std::string path = ImportRecordPath(folder, source);
  nlohmann::ordered_json json;
  json["source"] = source;
  json["rounds"] = nlohmann::ordered_json::array();
  for (const ImportRound& round : record.rounds) {
    json["rounds"].push_back({{"number", round.number},
                              {"complete", round.complete},
                              {"means", round.means},
                              {"along", round.along},
                              {"rows", round.rows},
                              {"checksum", round.checksum}});
  }
  json["inputs"] = record.inputs;
  json["means"] = nlohmann::ordered_json::array();
  for (const ImportMeans& means : record.means) {
    json["means"].push_back({{"mapping", TextOf(means.mapping)},
                             {"policy", TextOf(means.policy)},
                             {"files", means.files}});
    for (const auto& [name, lines] : means.lines) {
      json["means"].back()["lines"][name] = TextOf(lines);
    }
  }
  absl::Status made = MakeFolder(std::filesystem::path(path).parent_path());
  if (!made.ok()) return made;
  const std::string part = absl::StrCat(path, ".part");
  std::ofstream file(part, std::ios::binary | std::ios::trunc);
  file << JsonText(json);
  file.close();
  return file ? PutInPlace(part, path) : Failed(part);
}

absl::StatusOr<TakenImports> TakenImports::Of(const std::string& folder) {
  namespace fs = std::filesystem;
  const fs::path source = fs::path(folder) / "imports";
  TakenImports taken;
  std::error_code error;
  if (!fs::exists(source, error)) return taken;
  // An import writes its rows first, and rows of a round that no record names are none: records are
  // taken first here, and put in place last.
  for (const char* extension : {".json", ".rows"}) {
    std::vector<File> files;
    for (const auto& entry : fs::directory_iterator(source, error)) {
      if (entry.path().extension() != extension) continue;
      auto bytes = std::make_shared<std::ifstream>(entry.path(), std::ios::binary);
      if (!*bytes) {
        return absl::UnavailableError(
            absl::StrCat("cannot read ", entry.path().string(), ": ", std::strerror(errno)));
      }
      files.push_back({entry.path().filename(), std::move(bytes)});
    }
    taken.files_.insert(taken.files_.begin(), files.begin(), files.end());
  }
  if (!error) return taken;
  return absl::UnavailableError(
      absl::StrCat("cannot read ", source.string(), ": ", error.message()));
}

absl::Status TakenImports::PutInto(const std::string& folder) const {
  if (files_.empty()) return absl::OkStatus();
  const std::string target = absl::StrCat(folder, "/imports");
  if (absl::Status made = MakeFolder(target); !made.ok()) return made;
  for (const File& file : files_) {
    const std::string path = absl::StrCat(target, "/", file.name);
    const std::string part = absl::StrCat(path, ".part");
    std::ofstream copy(part, std::ios::binary | std::ios::trunc);
    file.bytes->clear();
    file.bytes->seekg(0);
    if (file.bytes->peek() != std::ifstream::traits_type::eof()) copy << file.bytes->rdbuf();
    copy.close();
    if (!copy) return Failed(part);
    if (absl::Status placed = PutInPlace(part, path); !placed.ok()) return placed;
  }
  return absl::OkStatus();
}

}  // namespace gridledger::cli
