// Which rows of an input: a bit a row, numbered from 1. So that what became of 100 million rows
// takes 12 MiB.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace gridledger::cli {

class RowBits {
 public:
  // Room for `rows`, so that Set may be called from several threads.
  void Grow(int64_t rows) {
    const size_t words = static_cast<size_t>(rows) / 64 + 1;
    if (words > words_.size()) words_.resize(words + words / 2);
  }
  // Whether it was not set before. Beyond what was grown: one thread only.
  bool Set(uint64_t row) {
    if (row / 64 >= words_.size()) Grow(static_cast<int64_t>(row));
    const uint64_t bit = uint64_t{1} << (row % 64);
    const bool before = (std::atomic_ref<uint64_t>(words_[row / 64]).fetch_or(bit) & bit) != 0;
    if (!before) any_.store(true, std::memory_order_relaxed);
    return !before;
  }
  bool Has(uint64_t row) const {
    return row / 64 < words_.size() && (words_[row / 64] & (uint64_t{1} << (row % 64))) != 0;
  }
  bool any() const { return any_.load(std::memory_order_relaxed); }

  RowBits() = default;
  RowBits(RowBits&& other) noexcept : words_(std::move(other.words_)), any_(other.any()) {}
  RowBits& operator=(RowBits&&) = delete;

 private:
  std::vector<uint64_t> words_;
  std::atomic<bool> any_{false};
};

}  // namespace gridledger::cli
