#include "services/runtime/adapters/yaml/tree.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <google/protobuf/stubs/common.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <sstream>

#include "services/runtime/adapters/yaml/yaml.h"

namespace gridledger::yaml {
namespace {

Place PlaceOf(const YAML::Mark& mark) {
  return mark.is_null() ? Place{} : Place{mark.line + 1, mark.column + 1};
}

// Builds the tree from yaml-cpp's events. After the first error it only listens on.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(absl::string_view path) : path_(path) {}

  const absl::Status& error() const { return error_; }
  bool has_root() const { return has_root_; }
  Node TakeRoot() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    Fail(mark, "nothing is given; leave the line out, or put the text in quotes");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Fail(mark, "found an alias (*); write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (!Allowed(mark, tag, anchor)) return;
    Node node;
    node.place = PlaceOf(mark);
    node.scalar = value;
    node.quoted = tag == "!";
    Add(mark, std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, Node::Kind::kSequence);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, Node::Kind::kMapping);
  }
  void OnMapEnd() override { Close(); }

 private:
  void Fail(const YAML::Mark& mark, absl::string_view what) {
    if (error_.ok()) error_ = ErrorAt(path_, PlaceOf(mark), what);
  }

  bool Allowed(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) {
      Fail(mark, "found an anchor (&); write the value out where it is needed");
    } else if (!tag.empty() && tag != "?" && tag != "!") {
      Fail(mark, "found a tag (!); the schema tells the types");
    }
    return error_.ok();
  }

  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            Node::Kind kind) {
    if (!Allowed(mark, tag, anchor)) return;
    if (open_.size() >= kDepthMax) {
      return Fail(mark, absl::StrCat("nested deeper than ", kDepthMax, " levels"));
    }
    Node node;
    node.kind = kind;
    node.place = PlaceOf(mark);
    open_.push_back(std::move(node));
  }

  void Close() {
    if (!error_.ok()) return;
    Node node = std::move(open_.back());
    open_.pop_back();
    Add({}, std::move(node));
  }

  // Puts a node that is complete into the one that is open.
  void Add(const YAML::Mark& mark, Node node) {
    if (++nodes_ > kNodesMax) {
      return Fail(mark, absl::StrCat("more than ", kNodesMax, " values"));
    }
    if (open_.empty()) {
      root_ = std::move(node);
      has_root_ = true;
      return;
    }
    Node& parent = open_.back();
    if (parent.kind == Node::Kind::kSequence) {
      parent.items.push_back(std::move(node));
    } else if (parent.keys.size() > parent.values.size()) {
      parent.values.push_back(std::move(node));
    } else if (node.kind != Node::Kind::kScalar) {
      error_ =
          ErrorAt(path_, node.place, "expected the name of a field, found a list or a mapping");
    } else {
      parent.keys.push_back(std::move(node));
    }
  }

  const absl::string_view path_;
  absl::Status error_;
  std::vector<Node> open_;
  Node root_;
  bool has_root_ = false;
  int nodes_ = 0;
};

}  // namespace

absl::Status ErrorAt(absl::string_view path, Place place, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, ":", place.line, ":", place.column, ": ", what));
}

absl::StatusOr<Node> ParseTree(absl::string_view text, absl::string_view path) {
  if (text.size() > kTextBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", text.size(), " bytes; at most ", kTextBytesMax, " are read"));
  }
  int line = 1;
  for (const absl::string_view part : absl::StrSplit(text, '\n')) {
    if (!google::protobuf::internal::IsStructurallyValidUTF8(part.data(),
                                                             static_cast<int>(part.size()))) {
      return ErrorAt(path, {line, 1}, "the line is not text in UTF-8");
    }
    if (const size_t nul = part.find('\0'); nul != absl::string_view::npos) {
      return ErrorAt(path, {line, static_cast<int>(nul) + 1}, "found a byte 0");
    }
    ++line;
  }
  Builder builder(path);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder) || !builder.has_root()) {
      if (!builder.error().ok()) return builder.error();
      return absl::InvalidArgumentError(absl::StrCat(path, ": nothing is in it"));
    }
    if (!builder.error().ok()) return builder.error();
    Builder second(path);
    if (parser.HandleNextDocument(second)) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": more than one document (---)"));
    }
  } catch (const YAML::Exception& problem) {
    // An error of ours came earlier in the text.
    if (!builder.error().ok()) return builder.error();
    return ErrorAt(path, PlaceOf(problem.mark), absl::StrCat("not YAML: ", problem.msg));
  } catch (const std::exception& problem) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not YAML: ", problem.what()));
  }
  return builder.TakeRoot();
}

}  // namespace gridledger::yaml
