#include "services/runtime/engine/entry_codec.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "services/domain/policy/policy.h"

namespace gridledger::engine {
namespace {

constexpr size_t kDamageBytesMax = 32;  // of a word like "unreadable"

// Names by field number, read off the schema once: a oneof's message names are the types.
std::vector<std::string> TypeNames(const google::protobuf::OneofDescriptor& oneof) {
  std::vector<std::string> names;
  for (int i = 0; i < oneof.field_count(); ++i) {
    const auto& field = *oneof.field(i);
    if (names.size() <= static_cast<size_t>(field.number())) names.resize(field.number() + 1);
    names[field.number()] = field.message_type()->full_name();
  }
  return names;
}

absl::string_view At(const std::vector<std::string>& names, int number) {
  return static_cast<size_t>(number) < names.size() ? absl::string_view(names[number])
                                                    : absl::string_view();
}

absl::string_view FullFactType(const v1::Fact& fact) {
  static const auto* const names =
      new std::vector<std::string>(TypeNames(*v1::Fact::descriptor()->FindOneofByName("kind")));
  return At(*names, fact.kind_case());
}

}  // namespace

absl::string_view EntryType(const v1::Entry& entry) {
  static const auto* const names =
      new std::vector<std::string>(TypeNames(*v1::Entry::descriptor()->FindOneofByName("content")));
  if (entry.has_fact() && entry.fact().kind_case() != v1::Fact::KIND_NOT_SET) {
    return FullFactType(entry.fact());
  }
  return At(*names, entry.content_case());
}

absl::string_view FactType(const v1::Fact& fact) {
  return absl::StripPrefix(FullFactType(fact), "gridledger.v1.");
}

void EncodeHeaders(absl::string_view type, absl::string_view source, absl::string_view id,
                   std::string* headers) {
  static const auto* const of_all = [] {
    auto* text = new std::string;
    AppendHeader("ce_specversion", "1.0", text);
    AppendHeader("content-type", "application/protobuf", text);
    return text;
  }();
  headers->clear();
  headers->reserve(of_all->size() + type.size() + source.size() + id.size() + 32);
  headers->append(*of_all);
  AppendHeader("ce_type", type, headers);
  AppendHeader("ce_source", source, headers);
  AppendHeader("ce_id", id, headers);
}

void EncodeEntry(const v1::Entry& entry, absl::string_view source, absl::string_view id,
                 std::string* headers, std::string* value) {
  EncodeHeaders(EntryType(entry), source, id, headers);
  value->clear();
  entry.AppendToString(value);
}

absl::Status ParseEntry(absl::string_view value, v1::Entry* entry) {
  if (!entry->ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return absl::InvalidArgumentError("the value is not a gridledger.v1.Entry");
  }
  if (entry->has_place_lost()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the record was lost before the ledger was copied: ",
                     entry->place_lost().damage().substr(0, kDamageBytesMax)));
  }
  // A build that has not got a content yet finds none in it, and the others have to say the same.
  const bool too_early = entry->has_schema_raised() && entry->schema() < kSchemaRaisedSchema;
  if (entry->content_case() == v1::Entry::CONTENT_NOT_SET || too_early) {
    return absl::InvalidArgumentError("the entry has no content that this build knows");
  }
  if (entry->has_policy_activated()) {
    return policy::CheckZoneRules(entry->policy_activated().policy());
  }
  if (entry->has_dead_letter_retried()) {
    return policy::CheckZoneRules(entry->dead_letter_retried().entry().policy_activated().policy());
  }
  return absl::OkStatus();
}

absl::Status DecodeEntry(absl::string_view value, v1::Entry* entry) {
  const absl::Status parsed = ParseEntry(value, entry);
  if (const uint32_t schema = SchemaIn(value); schema > kNewestSchema) {
    return absl::InvalidArgumentError(
        absl::StrCat("the entry has schema ", schema, ", this build knows up to ", kNewestSchema));
  }
  return parsed;
}

uint32_t SchemaIn(absl::string_view value) {
  using google::protobuf::internal::WireFormatLite;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(value.data()),
                                            static_cast<int>(value.size()));
  constexpr uint32_t kSchemaTag = GOOGLE_PROTOBUF_WIRE_FORMAT_MAKE_TAG(
      v1::Entry::kSchemaFieldNumber, WireFormatLite::WIRETYPE_VARINT);
  uint32_t schema = 0;
  while (in.CurrentPosition() < static_cast<int>(value.size())) {
    const uint32_t tag = in.ReadTag();
    if (tag == 0) return 0;
    if (!(tag == kSchemaTag ? in.ReadVarint32(&schema) : WireFormatLite::SkipField(&in, tag))) {
      return 0;
    }
  }
  return schema;
}

v1::Entry RaiseSchema(Partition partition, uint32_t from, absl::string_view reason) {
  v1::Entry entry;
  entry.set_schema(from + 1);
  v1::SchemaRaised& raised = *entry.mutable_schema_raised();
  raised.set_from(from);
  raised.set_to(from + 1);
  raised.set_partition(partition.value);
  raised.set_mark(kSchemaMark);
  raised.set_reason(std::string(reason));
  return entry;
}

bool RaisesSchema(const v1::Entry& entry, Partition partition, uint32_t present) {
  const v1::SchemaRaised& raised = entry.schema_raised();
  return entry.has_schema_raised() && raised.mark() == kSchemaMark && raised.from() == present &&
         raised.to() == present + 1 && entry.schema() == raised.to() &&
         raised.partition() == partition.value && !raised.reason().empty() &&
         raised.reason().size() <= kSchemaReasonMax;
}

bool IsRetriable(const v1::Entry& entry) {
  switch (entry.content_case()) {
    case v1::Entry::kFact:
    case v1::Entry::kPolicyActivated:
    case v1::Entry::kAreaDefined:
    case v1::Entry::kGridDefined:
    case v1::Entry::kMemberRegistered:
    case v1::Entry::kRosterPublished: return !entry.has_source();
    case v1::Entry::kDecision:
    case v1::Entry::kTick:
    case v1::Entry::kDeadLetterRetried:
    case v1::Entry::kDeadLetterDiscarded:
    case v1::Entry::kSchemaRaised:
    case v1::Entry::kPlaceLost:
    case v1::Entry::CONTENT_NOT_SET: return false;
  }
  return false;
}

EntryDecoder::EntryDecoder() : block_(new char[kBlockBytes]), arena_(block_.get(), kBlockBytes) {}

absl::Status EntryDecoder::Decode(absl::string_view value) {
  arena_.Reset();
  entry_ = google::protobuf::Arena::CreateMessage<v1::Entry>(&arena_);
  return ParseEntry(value, entry_);
}

}  // namespace gridledger::engine
