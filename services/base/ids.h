// Distinct types for distinct names and numbers: an incident is never mistaken for a unit, nor an
// offset for a count. No I/O, no parsing of meaning.
#pragma once

#include <absl/strings/string_view.h>

#include <compare>
#include <cstdint>
#include <string>
#include <utility>

namespace gridledger {

// A text that names one kind of thing. Compared byte by byte.
template <class Tag>
class Name {
 public:
  Name() = default;
  explicit Name(std::string text) : text_(std::move(text)) {}
  explicit Name(absl::string_view text) : text_(text) {}
  explicit Name(const char* text) : text_(text) {}

  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }

  friend bool operator==(const Name& a, const Name& b) { return a.text_ == b.text_; }
  friend std::strong_ordering operator<=>(const Name& a, const Name& b) {
    return a.text_.compare(b.text_) <=> 0;
  }
  template <class H>
  friend H AbslHashValue(H h, const Name& name) {
    return H::combine(std::move(h), name.text_);
  }

 private:
  std::string text_;
};

using IncidentId = Name<struct IncidentTag>;
using CommunityCode = Name<struct CommunityTag>;  // 社区, the key of the ledger
using AreaCode = Name<struct AreaTag>;            // a grid or other area inside a community
using CategoryCode = Name<struct CategoryTag>;
using UnitCode = Name<struct UnitTag>;      // 责任单位
using MemberCode = Name<struct MemberTag>;  // 网格员
using ServiceName = Name<struct ServiceTag>;

// A whole number that counts one kind of thing.
template <class Tag, class Int>
struct Number {
  Int value = 0;

  friend auto operator<=>(const Number&, const Number&) = default;
  Number Next() const { return Number{static_cast<Int>(value + 1)}; }
  template <class H>
  friend H AbslHashValue(H h, const Number& n) {
    return H::combine(std::move(h), n.value);
  }
};

using Partition = Number<struct PartitionTag, int32_t>;
using Offset = Number<struct OffsetTag, int64_t>;  // of a record in its partition, from 0
using Stage =
    Number<struct StageTag, uint32_t>;  // 0 before the report; moves with each lifecycle change

}  // namespace gridledger
