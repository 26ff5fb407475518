// A step of a life as a row: the columns of `gridledger export --as`. Their names and forms are a
// contract; new ones come at the end of their group, none is ever renamed.
#pragma once

#include <absl/strings/string_view.h>

#include <array>
#include <cstdint>
#include <string>

#include "services/history/exporting/life_steps.h"

namespace gridledger::cli {

enum class FieldForm : uint8_t {
  kText,
  kInt,
  kBool,     // "true", "false"
  kInstant,  // "2020-01-31T16:00:00.000Z"
  kDegrees,  // "22.7481923"
};

enum class Column : uint8_t {
  kIncidentId,
  kTime,   // the ledger's: when it counts from
  kFact,   // as in Fact.kind, e.g. "dispatch_accepted"
  kPhase,  // after it
  kState,  // where it brings the incident; empty for a fact that changes neither phase nor clock
  kStage,  // after it
  kHappenedAt,  // the source's word
  kInferred,
  kActorRole,
  kActorCode,
  kCommunity,
  kCategory,
  kArea,
  kChannel,
  kUnit,    // responsible after it
  kMember,  // on it after it
  kDueAt,   // the deadline: on the report the one that it names, later the one in force after it
  kLatitude,
  kLongitude,
  kNamedUnit,  // by the report, or as the next owner
  kDisposition,
  kReason,
  kPause,
  kConfirmed,
  kLevel,
  kPost,
  kLight,
  kStars,
  kMergedInto,
  kCandidates,  // "CODE:LOAD CODE:LOAD", in the order of preference
  kRule,        // of a decision, as the three after it
  kPolicyVersion,
  kCause,
  kSource,
  kSourceRow,
  kPartition,
  kOffset,   // with the ordinal, where in the partition it counts from
  kOrdinal,  // among what the record says and releases
  kSaidAt,   // the offset of the record that said it, where it waited for its report
};
constexpr size_t kColumns = static_cast<size_t>(Column::kSaidAt) + 1;

struct ColumnForm {
  absl::string_view name;
  FieldForm form;
};
// In the order of Column.
const std::array<ColumnForm, kColumns>& ColumnForms();

// Empty where there is nothing.
class StepRow {
 public:
  void Fill(const LifeStep& step);
  const std::string& operator[](Column column) const {
    return fields_[static_cast<size_t>(column)];
  }
  const std::string& operator[](size_t column) const { return fields_[column]; }

 private:
  std::string& At(Column column) { return fields_[static_cast<size_t>(column)]; }
  void FillFact(const LifeStep& step);
  void FillState(const LifeStep& step);
  // What that kind of fact tells besides.
  void FillKind(const v1::Fact& fact);

  std::array<std::string, kColumns> fields_;
};

// RFC 4180: a header, CRLF behind each line, quotes where they are needed.
void AppendCsvHeader(std::string* out);
void AppendCsvRow(const StepRow& row, std::string* out);
// An object a line; columns without a value are left out.
void AppendJsonRow(const StepRow& row, std::string* out);

}  // namespace gridledger::cli
