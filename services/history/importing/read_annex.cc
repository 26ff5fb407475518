#include "services/history/importing/read_annex.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "services/base/characters.h"
#include "services/base/digest.h"
#include "services/base/nearest.h"
#include "services/history/files/bytes/input.h"
#include "services/history/files/rows/csv_reader.h"
#include "services/history/geo/geojson.h"
#include "services/history/geo/polygons.h"

namespace gridledger::cli {
namespace {

constexpr size_t kGrowingLinesMax = 100'000;            // × 8 B, and 16 of them in the record
constexpr size_t kFingerprintBytes = size_t{64} << 10;  // at once, whatever pieces are read
constexpr size_t kTableRowsMax = 1'000'000;  // × ~150 B = 150 MB; China has 0.6 million communities

class PolygonAreas final : public mapping::Areas {
 public:
  explicit PolygonAreas(std::unique_ptr<geo::Polygons> polygons) : polygons_(std::move(polygons)) {}
  const std::vector<std::string>& names() const override { return polygons_->names(); }
  std::optional<size_t> Find(mapping::PointE7 point) const override {
    return polygons_->Find(point.latitude, point.longitude);
  }

 private:
  const std::unique_ptr<geo::Polygons> polygons_;
};

// A file beside the mapping, opened.
absl::StatusOr<std::unique_ptr<files::InputStream>> OpenBeside(const std::string& file,
                                                               const std::string& mapping_path) {
  const std::filesystem::path path = std::filesystem::path(mapping_path).parent_path() / file;
  auto input = files::OpenInput(path.lexically_normal().string());
  if (input.ok()) return input;
  return absl::Status(input.status().code(),
                      absl::StrCat(input.status().message(), "; ", mapping_path, " names it"));
}

absl::StatusOr<std::shared_ptr<const mapping::Areas>> LoadAreas(const v1::AreaByPoint& told,
                                                                const std::string& mapping_path) {
  auto input = OpenBeside(told.polygons(), mapping_path);
  if (!input.ok()) return input.status();
  std::string text;
  while (text.size() <=
         geo::kGeoJsonBytesMax) {  // one piece more, so that it is seen to be too long
    const auto piece = (*input)->Read();
    if (!piece.ok()) return piece.status();
    if (piece->empty()) break;
    absl::StrAppend(&text, *piece);
  }
  auto polygons = geo::Polygons::Parse(text, (*input)->name(), told.property());
  if (!polygons.ok()) return polygons.status();
  return std::make_shared<PolygonAreas>(*std::move(polygons));
}

absl::StatusOr<size_t> ColumnOf(const files::CsvReader& reader, const std::string& name) {
  const std::vector<std::string>& header = reader.header();
  const auto at = std::find(header.begin(), header.end(), name);
  if (at != header.end()) return static_cast<size_t>(at - header.begin());
  return absl::InvalidArgumentError(absl::StrCat(reader.input().name(), ": there is no column \"",
                                                 name, "\"", Instead(name, header)));
}

absl::StatusOr<std::shared_ptr<const mapping::Table>> LoadTable(const v1::Lookup& lookup,
                                                                const std::string& mapping_path) {
  auto input = OpenBeside(lookup.file(), mapping_path);
  if (!input.ok()) return input.status();
  const std::string name = (*input)->name();
  auto reader = files::CsvReader::Open(*std::move(input), {});
  if (!reader.ok()) return reader.status();
  const absl::StatusOr<size_t> from = ColumnOf(**reader, lookup.from());
  if (!from.ok()) return from.status();
  const absl::StatusOr<size_t> to = ColumnOf(**reader, lookup.to());
  if (!to.ok()) return to.status();
  auto table = std::make_shared<mapping::Table>();
  files::InputRow row;
  while (true) {
    const absl::StatusOr<bool> more = (*reader)->Next(&row);
    if (!more.ok()) return more.status();
    if (!*more) break;
    const auto bad = [&](absl::string_view why) {
      return absl::InvalidArgumentError(absl::StrCat(name, ":", row.line, ": ", why));
    };
    if (!row.rejected.empty()) return bad(row.rejected);
    const absl::string_view text = StripBlanks(row.fields[*from]);
    const absl::string_view told = StripBlanks(row.fields[*to]);
    if (text.empty() && told.empty()) continue;  // as a spreadsheet leaves them at its end
    if (text.empty()) return bad(absl::StrCat("the column \"", lookup.from(), "\" has no value"));
    if (absl::Status added = table->Add(text, told); !added.ok()) return bad(added.message());
    if (table->size() > kTableRowsMax) {
      return bad(absl::StrCat("a table of more than ", kTableRowsMax, " rows"));
    }
  }
  return table;
}

// Those that end in `piece`; what is behind the last stays in `line`. Ends of lines and empty ones
// are of no account.
void AddLines(absl::string_view piece, std::string* line, std::vector<uint64_t>* lines) {
  while (!piece.empty()) {
    const size_t end = piece.find_first_of("\r\n");
    absl::StrAppend(line, piece.substr(0, end));
    if (end == absl::string_view::npos) return;
    piece.remove_prefix(end + 1);
    if (!line->empty()) lines->push_back(Fingerprint(*line));
    line->clear();
  }
}

// All lookups of a message and of what is in it, wherever they stand.
void FindLookups(const google::protobuf::Message& message, std::vector<v1::Lookup>* found) {
  if (const auto* lookup = dynamic_cast<const v1::Lookup*>(&message)) {
    found->push_back(*lookup);
    return;
  }
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const google::protobuf::FieldDescriptor* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      FindLookups(reflection.GetMessage(message, field), found);
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      FindLookups(reflection.GetRepeatedMessage(message, field, i), found);
    }
  }
}

}  // namespace

absl::StatusOr<mapping::Annex> LoadAnnex(const v1::Mapping& mapping,
                                         const std::string& mapping_path) {
  mapping::Annex annex;
  const v1::AreaByPoint& by_point = mapping.incident().area_by_point();
  if (!by_point.polygons().empty() && !by_point.property().empty()) {
    auto areas = LoadAreas(by_point, mapping_path);
    if (!areas.ok()) return areas.status();
    annex.areas = *std::move(areas);
  }
  std::vector<v1::Lookup> lookups;
  FindLookups(mapping, &lookups);
  for (const v1::Lookup& lookup : lookups) {
    const mapping::Annex::TableName name = mapping::Annex::NameOf(lookup);
    if (lookup.file().empty() || lookup.from().empty() || lookup.to().empty()) continue;
    if (annex.tables.contains(name)) continue;
    auto table = LoadTable(lookup, mapping_path);
    if (!table.ok()) return table.status();
    annex.tables.emplace(name, *std::move(table));
  }
  return annex;
}

absl::StatusOr<FilesBeside> FingerprintAnnex(const v1::Mapping& mapping,
                                             const std::string& mapping_path) {
  std::vector<v1::Lookup> lookups;
  FindLookups(mapping, &lookups);
  std::map<std::string, bool> may_grow;
  for (const v1::Lookup& lookup : lookups) {
    if (lookup.file().empty()) continue;
    bool& grows = may_grow.try_emplace(lookup.file(), true).first->second;
    grows = grows && lookup.otherwise().empty();
  }
  const std::string& polygons = mapping.incident().area_by_point().polygons();
  if (!polygons.empty()) may_grow[polygons] = false;
  FilesBeside beside;
  for (const auto& [name, grows] : may_grow) {
    const auto input = OpenBeside(name, mapping_path);
    if (!input.ok()) return input.status();
    std::vector<uint64_t> lines;
    uint64_t& fingerprint = beside.fingerprints[name];
    std::string text;
    std::string line;
    const auto are_few = [&] {
      return lines.size() <= kGrowingLinesMax && line.size() <= kFingerprintBytes;
    };
    while (true) {
      const auto piece = (*input)->Read();
      if (!piece.ok()) return piece.status();
      if (piece->empty()) break;
      absl::StrAppend(&text, *piece);
      while (text.size() >= kFingerprintBytes) {
        fingerprint = Fingerprint(absl::StrCat(fingerprint, text.substr(0, kFingerprintBytes)));
        text.erase(0, kFingerprintBytes);
      }
      if (grows && are_few()) AddLines(*piece, &line, &lines);
    }
    fingerprint = Fingerprint(absl::StrCat(fingerprint, text));
    if (!grows || !are_few()) continue;
    AddLines("\n", &line, &lines);
    std::sort(lines.begin(), lines.end());
    beside.lines[name] = std::move(lines);
  }
  return beside;
}

}  // namespace gridledger::cli
