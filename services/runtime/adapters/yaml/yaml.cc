#include "services/runtime/adapters/yaml/yaml.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "services/base/invariant.h"
#include "services/base/nearest.h"
#include "services/runtime/adapters/yaml/tree.h"

namespace gridledger::yaml {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr size_t kQuotedMax = 40;  // characters of a value in an error

std::string Quoted(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, kQuotedMax)) out.push_back(absl::ascii_iscntrl(c) ? ' ' : c);
  // A character of several bytes is not cut in two.
  if (text.size() > kQuotedMax) {
    while (!out.empty() && (static_cast<uint8_t>(out.back()) & 0x80) != 0) out.pop_back();
    out += "…";
  }
  return out + "\"";
}

std::string Found(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kSequence: return "found a list";
    case Node::Kind::kMapping: return "found a mapping";
    case Node::Kind::kScalar:
      return absl::StrCat(node.quoted ? "found the text " : "found ", Quoted(node.scalar));
  }
  INVARIANT(false, "a node of no kind");
}

// AMBIGUOUS_HOUR_ for AmbiguousHour: the prefix that buf's STANDARD asks for.
std::string PrefixOf(const EnumDescriptor& type) {
  std::string prefix;
  for (const char c : type.name()) {
    if (absl::ascii_isupper(c) && !prefix.empty()) prefix.push_back('_');
    prefix.push_back(absl::ascii_toupper(c));
  }
  return prefix + "_";
}

class Filler {
 public:
  explicit Filler(absl::string_view path) : path_(path) {}

  absl::Status Fill(const Node& node, Message* message) {
    if (node.kind == Node::Kind::kScalar) {
      const FieldDescriptor* first = message->GetDescriptor()->FindFieldByNumber(1);
      if (first != nullptr && first->type() == FieldDescriptor::TYPE_STRING &&
          !first->is_repeated()) {
        return Set(node, *first, message);
      }
    }
    if (node.kind != Node::Kind::kMapping) {
      return Error(node, absl::StrCat(Found(node), ", expected a mapping of ",
                                      absl::StrJoin(FieldNames(*message->GetDescriptor()), ", ")));
    }
    std::vector<const FieldDescriptor*> seen;
    for (size_t i = 0; i < node.keys.size(); ++i) {
      const Node& key = node.keys[i];
      const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(key.scalar);
      if (field == nullptr) {
        return Error(key, absl::StrCat("unknown field ", Quoted(key.scalar),
                                       Instead(key.scalar, FieldNames(*message->GetDescriptor()))));
      }
      if (std::find(seen.begin(), seen.end(), field) != seen.end()) {
        return Error(key, absl::StrCat("the field ", field->name(), " is there twice"));
      }
      if (const auto* oneof = field->real_containing_oneof(); oneof != nullptr) {
        for (const FieldDescriptor* other : seen) {
          if (other->real_containing_oneof() != oneof) continue;
          return Error(key,
                       absl::StrCat(field->name(), " and ", other->name(), " exclude each other"));
        }
      }
      seen.push_back(field);
      if (absl::Status status = FillField(node.values[i], *field, message); !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Error(const Node& node, absl::string_view what) const {
    return ErrorAt(path_, node.place, what);
  }
  absl::Status Expected(const Node& node, const FieldDescriptor& field,
                        absl::string_view what) const {
    return Error(node, absl::StrCat(field.name(), ": ", Found(node), ", expected ", what));
  }

  static std::vector<std::string> FieldNames(const Descriptor& type) {
    std::vector<std::string> names;
    for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
    return names;
  }

  absl::Status FillField(const Node& node, const FieldDescriptor& field, Message* message) {
    if (!field.is_repeated()) return Set(node, field, message);
    const bool of_messages = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (node.kind == Node::Kind::kScalar && !of_messages) return Set(node, field, message);
    if (node.kind != Node::Kind::kSequence) return Expected(node, field, "a list");
    for (const Node& item : node.items) {
      if (absl::Status status = Set(item, field, message); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // Sets a single field, or adds to a repeated one.
  absl::Status Set(const Node& node, const FieldDescriptor& field, Message* message) {
    const auto* reflection = message->GetReflection();
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      return Fill(node, field.is_repeated() ? reflection->AddMessage(message, &field)
                                            : reflection->MutableMessage(message, &field));
    }
    const auto put = [&](auto add, auto set, auto value) {
      if (field.is_repeated()) {
        (reflection->*add)(message, &field, std::move(value));
      } else {
        (reflection->*set)(message, &field, std::move(value));
      }
      return absl::OkStatus();
    };
    using Reflection = google::protobuf::Reflection;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        if (node.kind != Node::Kind::kScalar) return Expected(node, field, "a text");
        return put(&Reflection::AddString, &Reflection::SetString, node.scalar);
      case FieldDescriptor::CPPTYPE_BOOL: {
        const bool yes = node.scalar == "true";
        if (!IsPlain(node) || (!yes && node.scalar != "false")) {
          return Expected(node, field, "true or false");
        }
        return put(&Reflection::AddBool, &Reflection::SetBool, yes);
      }
      case FieldDescriptor::CPPTYPE_ENUM: {
        const EnumValueDescriptor* value = FindValue(node, *field.enum_type());
        if (value == nullptr) return NoSuchValue(node, field);
        return put(&Reflection::AddEnum, &Reflection::SetEnum, value);
      }
      case FieldDescriptor::CPPTYPE_INT32:
        return PutNumber<int32_t>(node, field, put, &Reflection::AddInt32, &Reflection::SetInt32);
      case FieldDescriptor::CPPTYPE_INT64:
        return PutNumber<int64_t>(node, field, put, &Reflection::AddInt64, &Reflection::SetInt64);
      case FieldDescriptor::CPPTYPE_UINT32:
        return PutNumber<uint32_t>(node, field, put, &Reflection::AddUInt32,
                                   &Reflection::SetUInt32);
      case FieldDescriptor::CPPTYPE_UINT64:
        return PutNumber<uint64_t>(node, field, put, &Reflection::AddUInt64,
                                   &Reflection::SetUInt64);
      case FieldDescriptor::CPPTYPE_DOUBLE:
      case FieldDescriptor::CPPTYPE_FLOAT:
      case FieldDescriptor::CPPTYPE_MESSAGE: break;
    }
    INVARIANT(false, "our schemas have no floating point");
  }

  static bool IsPlain(const Node& node) { return node.kind == Node::Kind::kScalar && !node.quoted; }

  template <class Int, class Put, class Add, class SetOne>
  absl::Status PutNumber(const Node& node, const FieldDescriptor& field, Put put, Add add,
                         SetOne set) {
    using Wide = std::conditional_t<std::is_signed_v<Int>, int64_t, uint64_t>;
    Wide wide = 0;
    using Limits = std::numeric_limits<Int>;
    if (!IsPlain(node) || !absl::SimpleAtoi(node.scalar, &wide) || wide < Limits::min() ||
        wide > Limits::max()) {
      return Expected(node, field,
                      absl::StrCat("a whole number from ", Limits::min(), " to ", Limits::max()));
    }
    return put(add, set, static_cast<Int>(wide));
  }

  static const EnumValueDescriptor* FindValue(const Node& node, const EnumDescriptor& type) {
    if (node.kind != Node::Kind::kScalar) return nullptr;
    const std::string name =
        absl::StrReplaceAll(absl::AsciiStrToUpper(node.scalar), {{"-", "_"}, {" ", "_"}});
    const EnumValueDescriptor* value = type.FindValueByName(absl::StrCat(PrefixOf(type), name));
    if (value == nullptr) value = type.FindValueByName(name);
    return value != nullptr && value->number() != 0 ? value : nullptr;  // 0 is "not told"
  }

  absl::Status NoSuchValue(const Node& node, const FieldDescriptor& field) const {
    const EnumDescriptor& type = *field.enum_type();
    const std::string prefix = PrefixOf(type);
    std::vector<std::string> names;
    for (int i = 0; i < type.value_count(); ++i) {
      absl::string_view name = type.value(i)->name();
      if (type.value(i)->number() == 0) continue;
      if (absl::StartsWith(name, prefix)) name.remove_prefix(prefix.size());
      names.emplace_back(name);
    }
    return Error(node, absl::StrCat(field.name(), ": ", Found(node), Instead(node.scalar, names)));
  }

  const absl::string_view path_;
};

}  // namespace

absl::Status ParseYaml(absl::string_view text, absl::string_view path, Message* message) {
  const absl::StatusOr<Node> root = ParseTree(text, path);
  if (!root.ok()) return root.status();
  message->Clear();
  if (root->kind != Node::Kind::kMapping) {
    return ErrorAt(path, root->place, absl::StrCat(Found(*root), ", expected a mapping"));
  }
  return Filler(path).Fill(*root, message);
}

std::string PlaceOf(absl::string_view text, absl::string_view path, absl::string_view field) {
  const absl::StatusOr<Node> root = ParseTree(text, path);
  if (!root.ok()) return std::string(path);
  const Node* node = &*root;
  Place place = node->place;
  for (const absl::string_view step :
       absl::StrSplit(absl::StrReplaceAll(field, {{"[", "."}, {"]", ""}}), '.')) {
    size_t number = 0;
    if (node->kind == Node::Kind::kSequence) {
      if (!absl::SimpleAtoi(step, &number) || number < 1 || number > node->items.size()) break;
      node = &node->items[number - 1];
      place = node->place;
      continue;
    }
    const auto key = std::find_if(node->keys.begin(), node->keys.end(),
                                  [&](const Node& one) { return one.scalar == step; });
    if (key == node->keys.end()) break;
    place = key->place;
    node = &node->values[static_cast<size_t>(key - node->keys.begin())];
  }
  return absl::StrCat(path, ":", place.line, ":", place.column);
}

}  // namespace gridledger::yaml
