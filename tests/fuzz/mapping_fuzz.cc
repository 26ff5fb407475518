// Whatever a user writes as a mapping, and whatever stands in a row: a message or a refusal, facts
// or a rejection. An input is a mapping and rows of CSV, with a line "=====" between them.
#include <absl/strings/string_view.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "gridledger/v1/mapping.pb.h"
#include "services/base/invariant.h"
#include "services/history/files/rows/csv_reader.h"
#include "services/history/mapping/rows/mapper.h"
#include "services/runtime/adapters/yaml/yaml.h"
#include "services/runtime/engine/entry_codec.h"

namespace gridledger {
namespace {

void Check(absl::Span<const mapping::Mapper::Made> made, const mapping::Rejection& rejection) {
  INVARIANT(made.empty() == !rejection.reason.empty(), "a row makes facts or has a reason");
  absl::Time last = absl::FromUnixMillis(0);
  std::string headers;
  std::string value;
  v1::Entry made_entry;
  v1::Entry entry;
  for (const mapping::Mapper::Made& one : made) {
    INVARIANT(one.at >= last, "facts come in the order of life");
    last = one.at;
    *made_entry.mutable_fact() = *one.fact;
    engine::EncodeEntry(made_entry, "fuzz", "1", &headers, &value);
    INVARIANT(engine::DecodeEntry(value, &entry).ok(), "what a mapping makes can be read back");
  }
}

void Run(absl::string_view text, absl::string_view rows) {
  v1::Mapping mapping;
  if (!yaml::ParseYaml(text, "fuzz.yaml", &mapping).ok()) return;
  const absl::StatusOr<char> delimiter = mapping::DelimiterOf(mapping);
  if (!delimiter.ok()) return;
  auto reader = files::CsvReader::Open(files::InputFromText(std::string(rows), "fuzz"),
                                       {.delimiter = *delimiter == 0 ? ',' : *delimiter});
  if (!reader.ok()) return;
  auto mapper = mapping::Mapper::Compile(mapping, (*reader)->header());
  if (!mapper.ok()) {
    INVARIANT(absl::IsInvalidArgument(mapper.status()), "a mistake in a mapping is its writer's");
    return;
  }
  files::InputRow row;
  while (*(*reader)->Next(&row)) {
    if (!row.rejected.empty()) continue;
    const auto made = (*mapper)->Apply(row.fields);
    Check(made, (*mapper)->rejection());
  }
}

}  // namespace
}  // namespace gridledger

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  constexpr absl::string_view kBetween = "\n=====\n";
  const absl::string_view text(reinterpret_cast<const char*>(bytes), size);
  const size_t at = text.find(kBetween);
  if (at == absl::string_view::npos) {
    gridledger::Run(text, "id\n1\n");
  } else {
    gridledger::Run(text.substr(0, at), text.substr(at + kBetween.size()));
  }
  return 0;
}
