// Fixed layouts of state: one list of fields serves writing and reading, so that the two cannot
// disagree. Same values in, same bytes out, on every machine.
//
//   struct Seen {
//     uint32_t times = 0;
//     absl::Time last_at;
//     template <class A> void Fields(A& a) { a(times, last_at); }
//   };
//
// Whole numbers are written as varints (signed ones zigzag), instants as signed milliseconds since
// the epoch, texts and lists with their length before them, optionals with a leading 0 or 1. The
// same list of fields says what a value holds in memory (HeldBy).
#pragma once

#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "services/base/ids.h"

namespace gridledger {

// Big-endian with the sign flipped, so that byte order is number order: for keys.
void AppendOrdered(std::string* out, int64_t value);
// Reads what AppendOrdered wrote and drops it from `in`. False when fewer than 8 bytes are left.
bool TakeOrdered(absl::string_view* in, int64_t* value);
void AppendVarint(std::string* out, uint64_t value);
bool TakeVarint(absl::string_view* in, uint64_t* value);

// Instants in state have whole milliseconds, as the log's timestamps do.
inline int64_t ToMillis(absl::Time at) { return absl::ToUnixMillis(at); }
inline absl::Time FromMillis(int64_t ms) { return absl::FromUnixMillis(ms); }

class LayoutWriter {
 public:
  explicit LayoutWriter(std::string* out) : out_(out) {}

  template <class... Ts>
  void operator()(Ts&... fields) {
    (Write(fields), ...);
  }

 private:
  template <class T>
  void Write(T& field) {
    if constexpr (std::is_enum_v<T>) {
      AppendVarint(out_, static_cast<uint64_t>(field));
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      const int64_t wide = field;
      AppendVarint(out_, (static_cast<uint64_t>(wide) << 1) ^ static_cast<uint64_t>(wide >> 63));
    } else if constexpr (std::is_integral_v<T>) {
      AppendVarint(out_, field);
    } else {
      field.Fields(*this);
    }
  }
  void Write(std::string& field) {
    AppendVarint(out_, field.size());
    out_->append(field);
  }
  void Write(absl::Time& field) {
    int64_t ms = ToMillis(field);
    Write(ms);
  }
  template <class Tag>
  void Write(Name<Tag>& field) {
    AppendVarint(out_, field.text().size());
    out_->append(field.text());
  }
  template <class Tag, class Int>
  void Write(Number<Tag, Int>& field) {
    Write(field.value);
  }
  template <class T>
  void Write(std::optional<T>& field) {
    out_->push_back(field.has_value() ? 1 : 0);
    if (field.has_value()) Write(*field);
  }
  template <class T>
  void Write(std::vector<T>& field) {
    AppendVarint(out_, field.size());
    for (T& item : field) Write(item);
  }

  std::string* out_;
};

class LayoutReader {
 public:
  explicit LayoutReader(absl::string_view in) : in_(in) {}

  template <class... Ts>
  void operator()(Ts&... fields) {
    (Read(fields), ...);
  }
  // True when every field was there and nothing is left over.
  bool Complete() const { return ok_ && in_.empty(); }

 private:
  template <class T>
  void Read(T& field) {
    if constexpr (std::is_enum_v<T>) {
      uint64_t wide = 0;
      ok_ = ok_ && TakeVarint(&in_, &wide);
      field = static_cast<T>(wide);
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      uint64_t wide = 0;
      ok_ = ok_ && TakeVarint(&in_, &wide);
      field = static_cast<T>(static_cast<int64_t>(wide >> 1) ^ -static_cast<int64_t>(wide & 1));
    } else if constexpr (std::is_integral_v<T>) {
      uint64_t wide = 0;
      ok_ = ok_ && TakeVarint(&in_, &wide);
      field = static_cast<T>(wide);
    } else {
      field.Fields(*this);
    }
  }
  void Read(std::string& field) { field = std::string(TakeText()); }
  void Read(absl::Time& field) {
    int64_t ms = 0;
    Read(ms);
    field = FromMillis(ms);
  }
  template <class Tag>
  void Read(Name<Tag>& field) {
    field = Name<Tag>(TakeText());
  }
  template <class Tag, class Int>
  void Read(Number<Tag, Int>& field) {
    Read(field.value);
  }
  template <class T>
  void Read(std::optional<T>& field) {
    uint64_t there = 0;
    ok_ = ok_ && TakeVarint(&in_, &there);
    if (ok_ && there == 1) {
      field.emplace();
      Read(*field);
    } else {
      field.reset();
    }
  }
  template <class T>
  void Read(std::vector<T>& field) {
    uint64_t count = 0;
    ok_ = ok_ && TakeVarint(&in_, &count) && count <= in_.size();  // an item has at least a byte
    field.clear();
    if (!ok_) return;
    field.resize(count);
    for (T& item : field) Read(item);
  }
  absl::string_view TakeText() {
    uint64_t size = 0;
    ok_ = ok_ && TakeVarint(&in_, &size) && size <= in_.size();
    if (!ok_) return {};
    const absl::string_view text = in_.substr(0, size);
    in_.remove_prefix(size);
    return text;
  }

  absl::string_view in_;
  bool ok_ = true;
};

// Counts what a value holds beyond its own struct: texts too long to lie in it, and lists. A block
// of the heap costs what the allocator rounds it up to and keeps beside it, too.
class HeldBytes {
 public:
  static constexpr size_t kBlock = 16;  // on the average; jemalloc's sizes lie 12 to 25 % apart

  template <class... Ts>
  void operator()(const Ts&... fields) {
    (Count(fields), ...);
  }
  size_t bytes() const { return bytes_; }

  static constexpr size_t kInPlace = 15;  // characters that lie in a std::string itself

  static size_t OfText(size_t capacity) { return capacity <= kInPlace ? 0 : capacity + kBlock; }

 private:
  template <class T>
  void Count(const T& field) {
    if constexpr (std::is_class_v<T>) const_cast<T&>(field).Fields(*this);
  }
  void Count(const std::string& field) { bytes_ += OfText(field.capacity()); }
  void Count(const absl::Time&) {}
  template <class Tag>
  void Count(const Name<Tag>& field) {
    bytes_ += OfText(field.text().capacity());
  }
  template <class Tag, class Int>
  void Count(const Number<Tag, Int>&) {}
  template <class T>
  void Count(const std::optional<T>& field) {
    if (field.has_value()) Count(*field);
  }
  template <class T>
  void Count(const std::vector<T>& field) {
    if (field.capacity() == 0) return;
    bytes_ += field.capacity() * sizeof(T) + kBlock;
    if constexpr (std::is_class_v<T>) {
      for (const T& item : field) Count(item);
    }
  }

  size_t bytes_ = 0;
};

// A struct of Fields(), without its own size.
template <class T>
size_t HeldBy(const T& value) {
  HeldBytes held;
  const_cast<T&>(value).Fields(held);
  return held.bytes();
}

template <class T>
void AppendLayout(const T& value, std::string* out) {
  LayoutWriter writer(out);
  const_cast<T&>(value).Fields(writer);  // one Fields serves both ways; writing changes nothing
}

// False when the bytes are not exactly one T.
template <class T>
bool ParseLayout(absl::string_view bytes, T* value) {
  LayoutReader reader(bytes);
  value->Fields(reader);
  return reader.Complete();
}

}  // namespace gridledger
