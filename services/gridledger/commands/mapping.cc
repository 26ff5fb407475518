// gridledger mapping: a draft of a mapping for a file, and what a mapping makes of one. Writes no
// ledger.
#include <absl/container/flat_hash_set.h>
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/base/characters.h"
#include "services/base/digest.h"
#include "services/gridledger/commands/command.h"
#include "services/gridledger/commands/mapping_check.h"
#include "services/gridledger/commands/option_checks.h"
#include "services/history/files/rows/row_format.h"
#include "services/history/mapping/guess/guess.h"
#include "services/history/mapping/guess/guess_draft.h"
#include "services/runtime/console/json_text.h"
#include "services/runtime/console/printable.h"
#include "services/runtime/host/exit_code.h"

namespace gridledger::cli {
namespace {

struct GuessOptions {
  std::string input;
  std::string encoding;  // empty: what it looks like
  bool json = false;
};

nlohmann::ordered_json Json(const mapping::Guess& guess, const mapping::DraftInput& input,
                            const std::string& draft) {
  using Column = mapping::Guess::Column;
  nlohmann::ordered_json json = {{"input", input.name},
                                 {"format", input.format},
                                 {"delimiter", input.delimiter},
                                 {"encoding", input.encoding},
                                 {"rows", guess.rows},
                                 {"whole", input.whole},
                                 {"a_row_is", guess.events ? "event" : "incident"},
                                 {"incidents", guess.incidents},
                                 {"missing", guess.missing}};
  nlohmann::ordered_json roles = nlohmann::ordered_json::object();
  for (const auto& [role, column] : {std::pair<const char*, Column>("id", guess.id),
                                     {"category", guess.category},
                                     {"community", guess.community},
                                     {"area", guess.area},
                                     {"unit", guess.unit},
                                     {"channel", guess.channel},
                                     {"due", guess.due},
                                     {"latitude", guess.latitude},
                                     {"longitude", guess.longitude},
                                     {"at", guess.at},
                                     {"reported_at", guess.reported_at},
                                     {"version", guess.version},
                                     {"closed_at", guess.closed_at},
                                     {"state", guess.state}}) {
    if (column) roles[role] = guess.columns[*column].name;
  }
  json["roles"] = std::move(roles);
  json["states"] = nlohmann::ordered_json::array();
  for (const mapping::SeenState& state : guess.states) {
    json["states"].push_back(
        {{"name", state.text}, {"rows", state.rows}, {"fact", std::string(state.meaning.fact)}});
  }
  json["leaks"] = nlohmann::ordered_json::array();
  for (const size_t column : guess.leaks) json["leaks"].push_back(guess.columns[column].name);
  json["doubtful"] = nlohmann::ordered_json::array();
  for (const size_t column : guess.doubtful) {
    json["doubtful"].push_back(guess.columns[column].name);
  }
  json["columns"] = nlohmann::ordered_json::array();
  for (const mapping::SeenColumn& column : guess.columns) {
    nlohmann::ordered_json one = {
        {"name", column.name}, {"values", column.values}, {"distinct", column.distinct}};
    if (column.is_time()) {
      one["time_formats"] = column.time.formats;
      one["has_offset"] = column.time.has_offset;
      if (!column.time.other_order.empty()) one["or_time_format"] = column.time.other_order;
    }
    json["columns"].push_back(std::move(one));
  }
  json["draft"] = draft;
  return json;
}

std::string FormatName(files::RowFormat format) {
  switch (format) {
    case files::RowFormat::kJsonLines: return "JSON_LINES";
    case files::RowFormat::kXes: return "XES";
    default: return "CSV";
  }
}

// How many of the rows behind those that were looked at have an id that was there before.
absl::StatusOr<int64_t> RepeatedLater(files::RowReader& reader, size_t column,
                                      absl::flat_hash_set<uint64_t> ids) {
  constexpr size_t kIdsMax = 1'000'000;  // × ~20 B = 20 MB
  int64_t repeated = 0;
  files::InputRow row;
  while (ids.size() < kIdsMax) {
    const absl::StatusOr<bool> more = reader.Next(&row);
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (!row.rejected.empty()) continue;
    if (!ids.insert(Fingerprint(StripBlanks(row.fields[column]))).second) ++repeated;
  }
  return repeated;
}

absl::Status RunGuess(const GuessOptions& options) {
  auto stream = files::OpenInput(options.input);
  if (!stream.ok()) return stream.status();
  mapping::DraftInput input;
  input.name = (*stream)->name();
  absl::StatusOr<files::OpenedRows> opened =
      files::OpenRows(*std::move(stream), {.look = true, .encoding = options.encoding});
  if (!opened.ok()) return opened.status();
  input.format = FormatName(opened->format);
  if (opened->delimiter != 0) input.delimiter = std::string(1, opened->delimiter);
  input.encoding = opened->encoding;
  input.encoding_guessed = opened->encoding_detected && !absl::StartsWith(opened->encoding, "UTF-");
  input.begins_as_ascii = opened->begins_as_ascii && options.encoding.empty();
  input.skip_lines = opened->skip_lines;
  files::RowReader& reader = *opened->reader;
  if (opened->header_made) input.header = reader.header();
  if (reader.header().empty()) {
    // An empty file of JSON or XES, or one that is neither; its reader says which.
    files::InputRow row;
    const absl::StatusOr<bool> more = reader.Next(&row);
    if (!more.ok()) return more.status();
    return absl::InvalidArgumentError(
        absl::StrCat(input.name, ": no row of it has a value: there is nothing to guess from"));
  }
  mapping::Guesser guesser(reader.header());
  files::InputRow row;
  int64_t rejected = 0;
  std::string why;  // of the first
  while (guesser.wants_more()) {
    const absl::StatusOr<bool> more = reader.Next(&row);
    if (!more.ok()) return more.status();
    input.whole = !*more;
    if (!*more) break;
    if (!row.rejected.empty()) {
      if (rejected == 0) why = absl::StrCat("line ", row.line, ": ", row.rejected);
      if (++rejected >= mapping::Guesser::kRowsMax) break;
      continue;
    }
    guesser.Add(row.fields);
  }
  if (guesser.rows() == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        input.name, ": it has columns, but no row that can be read: there is nothing ",
        "to guess from", why.empty() ? "" : absl::StrCat("; ", why),
        input.encoding_guessed ? absl::StrCat("; it was taken for ", input.encoding,
                                              ", which --encoding GB18030 or the like would change")
                               : ""));
  }
  if (rejected > 0) {
    std::fprintf(
        stderr,
        "gridledger: %s rows cannot be read; `gridledger mapping check` says which and why\n",
        Grouped(rejected).c_str());
  }
  const mapping::Guess guess = guesser.Finish();
  if (guess.id && !guess.events && !input.whole) {
    absl::StatusOr<int64_t> repeated =
        RepeatedLater(reader, *guess.id, guesser.Fingerprints(*guess.id));
    if (!repeated.ok()) return repeated.status();
    input.repeated_later = *repeated;
  }
  const std::string draft = mapping::DraftOf(guess, input);
  return WriteOut(options.json ? JsonText(Json(guess, input, draft)) : draft);
}

}  // namespace

void AddMapping(CLI::App& app, Command* chosen) {
  CLI::App* command = app.add_subcommand(
      "mapping", "Draft a mapping for a city's own file, or see what a mapping makes of it");
  command->require_subcommand(1);
  command->footer(absl::StrCat(
      "Examples:\n"
      "  gridledger mapping guess requests.csv.gz > my-city.yaml\n"
      "  gridledger mapping check my-city.yaml requests.csv.gz\n"
      "  gridledger mapping check my-city.yaml requests.csv.gz --rows 3 --json\n\n"
      "A draft says what was seen in the first rows, and asks what they do not tell: lines marked\n"
      "ASK. A check reads the whole file and writes nothing: it shows what the first rows become, "
      "as\n"
      "a ledger would have it, which facts would be void, and each kind of problem with its "
      "lines,\n"
      "its column, what was found and what was expected. What cannot be taken is shown by its "
      "shape,\n"
      "with 9 for a digit and a for a letter, for it may be somebody's name; states and "
      "categories\n"
      "are shown as they are.\n\n",
      host::kExitCodes));

  auto guess_options = std::make_shared<GuessOptions>();
  CLI::App* guess = command->add_subcommand("guess", "Draft a mapping from a file's first rows");
  guess->add_option("INPUT", guess_options->input, "The file, or - for standard input")
      ->type_name("FILE")
      ->required();
  guess
      ->add_option("--encoding", guess_options->encoding,
                   "Of the file, by its IANA name, where its bytes do not tell or tell wrongly")
      ->type_name("NAME")
      ->check(NotEmpty());
  guess->add_flag("--json", guess_options->json, "Print JSON for scripts; the draft is in it");
  guess->callback(
      [chosen, guess_options] { *chosen = [guess_options] { return RunGuess(*guess_options); }; });

  auto check_options = std::make_shared<CheckOptions>();
  CLI::App* check = command->add_subcommand("check", "See what a mapping makes of a file");
  check->add_option("MAPPING", check_options->mapping, "Which column is what, as YAML")
      ->type_name("FILE")
      ->required();
  check->add_option("INPUT", check_options->input, "The file, or - for standard input")
      ->type_name("FILE")
      ->required();
  check->add_option("--rows", check_options->rows, "How many of the first rows are shown")
      ->type_name("N")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  check->add_flag("--json", check_options->json, "Print JSON for scripts instead of text");
  check->callback(
      [chosen, check_options] { *chosen = [check_options] { return RunCheck(*check_options); }; });
}

}  // namespace gridledger::cli
