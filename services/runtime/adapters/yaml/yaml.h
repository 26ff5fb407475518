// YAML texts as messages: a policy or a mapping that a person wrote, checked against its schema.
// What is unknown, twice there, of the wrong type or out of range is refused with its place;
// nothing is guessed or passed over. Reads no files.
#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <google/protobuf/message.h>

#include <string>

namespace gridledger::yaml {

inline constexpr size_t kTextBytesMax = size_t{1} << 20;  // 1 MiB: a catalogue line takes some 80 B
inline constexpr int kDepthMax = 32;                      // the deepest schema of ours has 5
inline constexpr int kNodesMax = 200'000;  // × ~150 B = 30 MB; a line has some 6 nodes

// Fills `message` from one YAML document, field by field of its descriptor:
//   - a mapping is a message, a sequence a repeated field, by the names in the .proto file;
//   - texts are taken as they are written, so that `code: 007` keeps its zeros; whole numbers are
//     decimal; a bool is true or false; an enum value goes by its short name in either case,
//     EARLIER for AMBIGUOUS_HOUR_EARLIER;
//   - a bare text for a message whose field number 1 is a text sets that field: `category: type`
//   says
//     `category: {column: type}`;
//   - a bare value for a list of values is a list of one.
// Anchors, aliases, tags, empty values and a second document are refused.
//
// `path` is what the errors name: InvalidArgument "path:line:column: what was found, what was
// expected", and the message is then of no use.
absl::Status ParseYaml(absl::string_view text, absl::string_view path,
                       google::protobuf::Message* message);

// "path:line:column" of a field by its name from the root, "events.states[2].fact", items counted
// from 1: of as much of it as there is. `path` alone where the text is no YAML.
std::string PlaceOf(absl::string_view text, absl::string_view path, absl::string_view field);

}  // namespace gridledger::yaml
