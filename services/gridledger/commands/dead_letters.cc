// gridledger dead-letters: records that no service could read; what became of them, and what shall.
#include <absl/strings/escaping.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <google/protobuf/util/json_util.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>

#include "services/gridledger/commands/command.h"
#include "services/gridledger/terminal/text_table.h"
#include "services/runtime/console/json_text.h"
#include "services/runtime/console/lockstep_work.h"
#include "services/runtime/console/printable.h"
#include "services/runtime/console/watched_view.h"
#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/host/subjects.h"
#include "services/runtime/host/system_clock.h"
#include "services/runtime/ports/record_at.h"

namespace gridledger::cli {
namespace {

constexpr size_t kShownBytes = 1024;  // of a letter's value; all of it with --json

struct DeadLetterOptions {
  CommonOptions common;
  std::string act;
  std::string letter;
  bool all = false;
  std::string with;
  std::string reason;
  std::string by;
};

struct Place {
  Partition partition;
  Offset offset;

  std::string Text() const { return absl::StrCat(partition.value, "/", offset.value); }
};

struct Letter {
  Place at;
  uint32_t schema = 0;  // that its partition has been raised to by now
  std::string reason;
  std::optional<engine::Resolution> resolution;
};

absl::StatusOr<Place> ParsePlace(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  Place place;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &place.partition.value) ||
      !absl::SimpleAtoi(parts[1], &place.offset.value) || place.partition.value < 0 ||
      place.offset.value < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" names no letter: it is PARTITION/OFFSET, e.g. 3/1204, as `list` prints"));
  }
  return place;
}

// Of those partitions; of all when none is named.
absl::StatusOr<std::vector<Letter>> Letters(const CommonOptions& options, host::Folder* folder,
                                            std::vector<Partition> partitions,
                                            std::vector<MissingPart>* missing = nullptr) {
  host::View view;
  view.folder = folder;
  view.services = {host::AllServices().front()};  // every service parks the same records
  view.partitions = std::move(partitions);
  std::vector<Letter> letters;
  const absl::Status looked = FoldWatched(
      options, "folding", std::move(view),
      [&](const host::Seen& seen) {
        engine::Task& task = *seen.tasks.front().task;
        task.dead_letters().Scan(
            "", [&](const engine::DeadLetterKey& key, const engine::DeadLetter& letter) {
              const engine::Resolution* resolution = task.FindResolution(key.offset);
              letters.push_back(
                  Letter{Place{seen.partition, key.offset}, task.schema(), letter.reason,
                         resolution == nullptr ? std::nullopt : std::optional(*resolution)});
            });
        return absl::OkStatus();
      },
      nullptr, missing);
  if (!looked.ok()) return looked;
  std::sort(letters.begin(), letters.end(), [](const Letter& a, const Letter& b) {
    return std::tie(a.at.partition, a.at.offset) < std::tie(b.at.partition, b.at.offset);
  });
  return letters;
}

absl::StatusOr<Letter> FindLetter(const CommonOptions& options, host::Folder* folder,
                                  const Place& at) {
  if (at.partition.value >= folder->log().partitions()) {
    return absl::NotFoundError(
        absl::StrCat("there is no partition ", at.partition.value, " in ", folder->name()));
  }
  const auto letters = Letters(options, folder, {at.partition});
  if (!letters.ok()) return letters.status();
  for (const Letter& letter : *letters) {
    if (letter.at.offset == at.offset) return letter;
  }
  return absl::NotFoundError(absl::StrCat(at.Text(), " is no dead letter of ", folder->name(),
                                          ": `gridledger dead-letters list` names them"));
}

std::string Became(const Letter& letter) {
  if (!letter.resolution) return "waits";
  return absl::StrCat(letter.resolution->retried ? "retried" : "discarded", " by ",
                      Place{letter.at.partition, letter.resolution->by}.Text());
}

absl::StatusOr<OwnedRecord> ReadRecord(LogReader& reader, const Place& at) {
  RecordBatch batch;
  auto record = ReadRecordAt(reader, at.partition, at.offset, &batch);
  if (!record.ok()) return record.status();
  if (record->has_value()) return **std::move(record);
  return absl::UnavailableError(absl::StrCat(at.Text(), ": the record does not come"));
}

std::string TimeText(absl::Time at) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", at, absl::UTCTimeZone());
}

nlohmann::ordered_json Json(const Letter& letter, const OwnedRecord& record) {
  nlohmann::ordered_json json = {{"letter", letter.at.Text()},
                                 {"partition", letter.at.partition.value},
                                 {"offset", letter.at.offset.value},
                                 {"timestamp", TimeText(record.timestamp)},
                                 {"bytes", record.value.size()},
                                 {"reason", letter.reason},
                                 {"state", !letter.resolution           ? "waits"
                                           : letter.resolution->retried ? "retried"
                                                                        : "discarded"}};
  json["by"] =
      letter.resolution
          ? nlohmann::ordered_json(Place{letter.at.partition, letter.resolution->by}.Text())
          : nullptr;
  return json;
}

absl::Status List(const DeadLetterOptions& options) {
  auto folder = OpenForReading(options.common);
  if (!folder.ok()) return folder.status();
  std::vector<MissingPart> missing;
  const auto letters = Letters(options.common, folder->get(), {}, &missing);
  if (!letters.ok()) return letters.status();
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  using Align = TextTable::Align;
  TextTable table({{"letter"}, {"came"}, {"bytes", Align::kRight}, {"became"}, {"why"}});
  const std::unique_ptr<LogReader> reader = (*folder)->log().NewReader();
  int64_t waiting = 0;
  for (const Letter& letter : *letters) {
    if (!letter.resolution) ++waiting;
    if (letter.resolution && !options.all) continue;
    const absl::StatusOr<OwnedRecord> record = ReadRecord(*reader, letter.at);
    if (absl::IsDataLoss(record.status()) || absl::IsUnavailable(record.status())) {
      missing.push_back(
          MissingPart{letter.at.partition, letter.at.offset, std::nullopt, record.status()});
      continue;
    }
    if (!record.ok()) return record.status();
    json.push_back(Json(letter, *record));
    table.Add({letter.at.Text(), TimeText(record->timestamp),
               Grouped(static_cast<int64_t>(record->value.size())), Became(letter), letter.reason});
  }
  const std::string sum =
      absl::StrCat(Grouped(waiting), waiting == 1 ? " waits" : " wait", " of ",
                   Grouped(static_cast<int64_t>(letters->size())), " dead letters.\n");
  absl::Status written =
      WriteOut(options.common.json
                   ? JsonText(json)
                   : absl::StrCat(table.empty() ? "" : absl::StrCat(table.Print(), "\n"), sum));
  return written.ok() ? EndOf(missing) : written;
}

// Sixteen bytes a line, as other tools print them.
std::string HexDump(absl::string_view bytes) {
  std::string out;
  for (size_t at = 0; at < bytes.size() && at < kShownBytes; at += 16) {
    const absl::string_view line = bytes.substr(at, 16);
    std::string hex, text;
    for (const char c : line) {
      absl::StrAppendFormat(&hex, "%02x ", static_cast<uint8_t>(c));
      text += absl::ascii_isprint(static_cast<unsigned char>(c)) ? c : '.';
    }
    absl::StrAppendFormat(&out, "  %06x  %-48s %s\n", at, hex, text);
  }
  if (bytes.size() > kShownBytes) {
    absl::StrAppend(&out, "  and ", Grouped(static_cast<int64_t>(bytes.size() - kShownBytes)),
                    " bytes more: --json has all of them\n");
  }
  return out;
}

absl::Status Show(const DeadLetterOptions& options, const Place& at) {
  auto folder = OpenForReading(options.common);
  if (!folder.ok()) return folder.status();
  const auto letter = FindLetter(options.common, folder->get(), at);
  if (!letter.ok()) return letter.status();
  const auto record = ReadRecord(*(*folder)->log().NewReader(), at);
  if (!record.ok()) return record.status();
  v1::Entry entry;
  const bool now_readable =
      engine::DecodeEntry(record->value, &entry).ok() && entry.schema() <= letter->schema;
  if (options.common.json) {
    nlohmann::ordered_json json = Json(*letter, *record);
    json["readable_now"] = now_readable;
    json["key_base64"] = absl::Base64Escape(record->key);
    json["headers"] = nlohmann::ordered_json::array();
    absl::string_view headers = record->headers, name, value;
    while (TakeHeader(&headers, &name, &value)) {
      json["headers"].push_back({{"name", std::string(name)}, {"value", std::string(value)}});
    }
    json["value_base64"] = absl::Base64Escape(record->value);
    return WriteOut(JsonText(json));
  }
  std::string out = absl::StrCat("letter   ", at.Text(), ", ", Became(*letter), "\n", "came     ",
                                 TimeText(record->timestamp), "\n", "why      ", letter->reason,
                                 now_readable ? "; it can be retried by now" : "", "\n",
                                 "key      ", Printable(record->key), "\n");
  absl::string_view headers = record->headers, name, value;
  while (TakeHeader(&headers, &name, &value)) {
    absl::StrAppend(&out, "header   ", Printable(name), ": ", Printable(value), "\n");
  }
  absl::StrAppend(&out, "value    ", Grouped(static_cast<int64_t>(record->value.size())),
                  " bytes\n", HexDump(record->value));
  return WriteOut(out);
}

// What the letter should have said: from a file, or what this build reads in its bytes.
absl::Status ReadMeant(const DeadLetterOptions& options, const Letter& letter,
                       const OwnedRecord& record, v1::Entry* entry) {
  if (options.with.empty()) {
    const absl::Status decoded = engine::DecodeEntry(record.value, entry);
    if (!decoded.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat("this build cannot read it either (", decoded.message(),
                       "): say with --with FILE what it was meant to be, or discard it"));
    }
  } else {
    std::ifstream in(options.with);
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (!in.good() && text.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("cannot read ", options.with));
    }
    const auto parsed = google::protobuf::util::JsonStringToMessage(text, entry);
    if (!parsed.ok()) {
      // From its first quote or the end of its first line on it shows pieces of the file itself.
      const std::string why = parsed.message().ToString();
      const absl::string_view ours = absl::string_view(why).substr(0, why.find_first_of("\n\""));
      return absl::InvalidArgumentError(
          absl::StrCat(options.with, " is no entry in JSON: ",
                       absl::StripSuffix(absl::StripTrailingAsciiWhitespace(ours), "."),
                       ". `gridledger export` shows what entries look like, under \"entry\""));
    }
  }
  entry->clear_source();
  if (entry->schema() > letter.schema) {
    return absl::FailedPreconditionError(
        absl::StrCat("the entry has schema ", entry->schema(), ", and partition ",
                     letter.at.partition.value, " is raised to ", letter.schema,
                     entry->schema() <= engine::kNewestSchema
                         ? ": raise it with `gridledger upgrade`, or say with --with FILE what it "
                           "was meant to be"
                         : ": say with --with FILE what it was meant to be, or discard it"));
  }
  if (entry->schema() == 0) entry->set_schema(engine::kEntrySchema);
  if (entry->has_fact() && (entry->fact().incident_id().empty() ||
                            entry->fact().kind_case() == v1::Fact::KIND_NOT_SET)) {
    return absl::InvalidArgumentError("the entry is a fact without an incident, or of no kind");
  }
  if (engine::IsRetriable(*entry)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "a letter can be retried as a fact or as a policy, area, grid, member or roster entry, and "
      "as "
      "nothing else: decisions and ticks are the services' own");
}

absl::Status Resolve(const DeadLetterOptions& options, const Place& at) {
  auto folder = OpenToAppend(options.common);
  if (!folder.ok()) return folder.status();
  const auto letter = FindLetter(options.common, folder->get(), at);
  if (!letter.ok()) return letter.status();
  if (letter->resolution) {
    return absl::FailedPreconditionError(
        absl::StrCat(at.Text(), " does not wait any more: it was ", Became(*letter)));
  }
  const auto record = ReadRecord(*(*folder)->log().NewReader(), at);
  if (!record.ok()) return record.status();
  v1::Entry entry;
  entry.set_schema(engine::kDeadLetterSchema);
  v1::Actor* by = nullptr;
  const bool retry = options.act == "retry";
  if (retry) {
    v1::DeadLetterRetried& retried = *entry.mutable_dead_letter_retried();
    retried.set_offset(at.offset.value);
    absl::Status meant = ReadMeant(options, *letter, *record, retried.mutable_entry());
    if (!meant.ok()) return meant;
    by = retried.mutable_by();
  } else {
    v1::DeadLetterDiscarded& discarded = *entry.mutable_dead_letter_discarded();
    discarded.set_offset(at.offset.value);
    discarded.set_reason(options.reason);
    by = discarded.mutable_by();
  }
  by->set_role(v1::ROLE_SHIFT_LEADER);
  by->set_code(options.by);
  NewRecord appended;
  appended.timestamp = absl::FromUnixMillis(absl::ToUnixMillis(host::SystemClock().Now()));
  appended.key = record->key;
  // The same act twice has the same name, for those who collect by it.
  engine::EncodeEntry(entry, "/gridledger/dead-letters", absl::StrCat(at.Text(), ".", options.act),
                      &appended.headers, &appended.value);
  const auto offset = (*folder)->log().AppendAndWait(at.partition, {std::move(appended)});
  if (!offset.ok()) return offset.status();
  const Place place{at.partition, *offset};
  if (options.common.json) {
    const nlohmann::ordered_json json = {
        {"letter", at.Text()}, {"act", options.act}, {"by", place.Text()}};
    return WriteOut(JsonText(json));
  }
  return WriteOut(absl::StrCat(at.Text(), retry ? " is retried" : " is discarded", " by record ",
                               place.Text(), ".\n"));
}

absl::Status Run(const DeadLetterOptions& options) {
  if (options.act == "list") return List(options);
  if (options.letter.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        options.act, " which one? `gridledger dead-letters list` names them, e.g. 3/1204"));
  }
  const absl::StatusOr<Place> at = ParsePlace(options.letter);
  if (!at.ok()) return at.status();
  if (options.act == "show") return Show(options, *at);
  if (options.act == "discard" && options.reason.empty()) {
    return absl::InvalidArgumentError(
        "a letter is discarded for a --reason: somebody will ask for it one day");
  }
  return Resolve(options, *at);
}

}  // namespace

void AddDeadLetters(CLI::App& app, Command* chosen) {
  auto options = std::make_shared<DeadLetterOptions>();
  CLI::App* command = AddCommand(
      app,
      {.name = "dead-letters",
       .summary = "Records that nobody could read: list, show, retry or discard them",
       .examples =
           "  gridledger dead-letters list --data city\n"
           "  gridledger dead-letters show --data city 3/1204\n"
           "  gridledger dead-letters retry --data city 3/1204 --with meant.json\n"
           "  gridledger dead-letters discard --data city 3/1204 --reason \"a probe's test\"\n"
           "\n"
           "A record that is no entry stops nobody: it is parked where it is, and waits here. To\n"
           "retry it is to say what it was meant to be, in the form that `export` prints under\n"
           "\"entry\"; without --with it is what this build reads in it. Both acts are records "
           "of\n"
           "the ledger themselves, and count once. A folder has one writer: end a running city\n"
           "with `gridledger down` first.\n"},
      &options->common, chosen, [options] { return Run(*options); });
  command->add_option("act", options->act, "list, show, retry or discard")
      ->required()
      ->check(CLI::IsMember({"list", "show", "retry", "discard"}));
  command->add_option("letter", options->letter, "Which: PARTITION/OFFSET");
  command->add_flag("--all", options->all, "List those too that were retried or discarded");
  command->add_option("--with", options->with, "What it was meant to be: an entry in JSON")
      ->type_name("FILE");
  command->add_option("--reason", options->reason, "Why it is discarded")->type_name("TEXT");
  command->add_option("--by", options->by, "Code of whoever decides it, for the record")
      ->type_name("CODE");
}

}  // namespace gridledger::cli
