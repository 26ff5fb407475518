#include "services/history/mapping/guess/time_guess.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>

#include <algorithm>
#include <utility>

#include "services/base/invariant.h"
#include "services/history/mapping/values/time_format.h"

namespace gridledger::mapping {
namespace {

constexpr size_t kTextMax = 40;  // bytes: the longest format of all writes 35
constexpr size_t kSample = 200;  // texts that choose what the others are tried with
constexpr size_t kFormatsMax = 3;

struct Candidate {
  TimeFormat format;
  int other = -1;  // the one with day and month in the other order
};

std::vector<Candidate> MakeCandidates() {
  // Dates, of which those with two orders stand day first.
  struct Date {
    absl::string_view format;
    bool two_orders = false;
  };
  constexpr Date kDates[] = {
      {"%Y-%m-%d"},       {"%Y/%m/%d"},       {"%Y.%m.%d"},       {"%d/%m/%Y", true},
      {"%d-%m-%Y", true}, {"%d.%m.%Y", true}, {"%d/%m/%y", true}, {"%d.%m.%y", true},
      {"%d-%b-%Y"},       {"%d %b %Y"},       {"%b %d, %Y"},      {"%d. %b %Y"},
      {"%d-%b-%y"},       {"%Y年%m月%d日"},   {"%E4Y%m%d"},
  };
  constexpr absl::string_view kTimes[] = {
      " %H:%M:%S",       " %H:%M",      " %I:%M:%S %p",  " %I:%M %p",      " %H:%M:%E*S",
      "T%H:%M:%S",       "T%H:%M:%E*S", "T%H:%M",        "T%H:%M:%E*S%Ez", " %H:%M:%E*S%Ez",
      " %H:%M:%E*S %Ez", "T%H:%M%Ez",   " %H时%M分%S秒", " %H时%M分",      ""};
  std::vector<Candidate> out;
  const auto add = [&](const std::string& text) {
    absl::StatusOr<TimeFormat> format = TimeFormat::Compile(text);
    INVARIANT(format.ok(), "a format of our own can be read");
    out.push_back(Candidate{*std::move(format)});
  };
  for (const Date& date : kDates) {
    for (const absl::string_view time : kTimes) {
      const std::string text = absl::StrCat(date.format, time);
      add(text);
      if (!date.two_orders) continue;
      out.back().other = static_cast<int>(out.size());
      add(OtherOrder(text));
      out.back().other = static_cast<int>(out.size()) - 2;
    }
  }
  add("%E4Y%m%d%H%M%S");
  return out;
}

// Whether it may be one at all: most texts are told by a look.
bool LooksLikeATime(absl::string_view text) {
  if (text.size() < 6 || text.size() > kTextMax) return false;
  const auto digits = std::count_if(text.begin(), text.end(), absl::ascii_isdigit);
  const bool plain = digits == static_cast<std::ptrdiff_t>(text.size());
  return plain ? text.size() == 8 || text.size() == 14 : digits >= 3;
}

// absl reads years of fewer digits for %Y, and the year 24 of "5/3/24" is nobody's.
bool Reads(const Candidate& candidate, absl::string_view text) {
  constexpr int64_t kEarliestMs = int64_t{-70} * 365 * 86'400'000;  // 1900
  constexpr int64_t kLatestMs = int64_t{230} * 365 * 86'400'000;    // 2200
  int64_t ms = 0;
  return candidate.format.Read(text, &ms) && ms > kEarliestMs && ms < kLatestMs;
}

}  // namespace

std::string OtherOrder(absl::string_view format) {
  for (const char between : {'/', '-', '.'}) {
    const std::string day = absl::StrCat("%d", std::string(1, between), "%m");
    const std::string month = absl::StrCat("%m", std::string(1, between), "%d");
    if (absl::StartsWith(format, day)) return absl::StrReplaceAll(format, {{day, month}});
    if (absl::StartsWith(format, month)) return absl::StrReplaceAll(format, {{month, day}});
  }
  return "";
}

TimeGuess GuessCounts(absl::Span<const absl::string_view> texts) {
  constexpr int64_t kEarliestMs = int64_t{20} * 365 * 86'400'000;
  constexpr int64_t kLatestMs = int64_t{90} * 365 * 86'400'000;
  for (const char* name : {"seconds", "milliseconds"}) {
    const absl::StatusOr<TimeFormat> format = TimeFormat::Compile(name);
    INVARIANT(format.ok(), "a format of our own can be read");
    const auto read = std::count_if(texts.begin(), texts.end(), [&](absl::string_view text) {
      int64_t ms = 0;
      return format->Read(text, &ms) && ms > kEarliestMs && ms < kLatestMs;
    });
    if (read == 0 || read * 20 < static_cast<std::ptrdiff_t>(texts.size()) * 19) continue;
    TimeGuess guess;
    guess.formats = {name};
    guess.has_offset = true;
    guess.unreadable = static_cast<int64_t>(texts.size()) - read;
    return guess;
  }
  return {};
}

TimeGuess GuessTimes(absl::Span<const absl::string_view> texts) {
  TimeGuess guess;
  const auto likely = std::count_if(texts.begin(), texts.end(), LooksLikeATime);
  if (texts.empty() || likely * 20 < static_cast<std::ptrdiff_t>(texts.size()) * 19) return guess;
  static const auto* const made = new std::vector<Candidate>(MakeCandidates());
  const std::vector<Candidate>& all = *made;
  std::vector<size_t> candidates;
  const size_t step = std::max<size_t>(1, texts.size() / kSample);
  for (size_t c = 0; c < all.size(); ++c) {
    for (size_t i = 0; i < texts.size(); i += step) {
      if (!Reads(all[c], texts[i])) continue;
      candidates.push_back(c);
      break;
    }
  }
  std::vector<absl::string_view> left(texts.begin(), texts.end());
  std::vector<size_t> chosen;
  bool ambiguous = false;
  while (!left.empty() && chosen.size() < kFormatsMax) {
    size_t best = all.size();
    std::ptrdiff_t best_count = 0;
    for (const size_t c : candidates) {
      // One column has one order of day and month.
      const bool other = std::any_of(chosen.begin(), chosen.end(), [&](size_t taken) {
        return all[taken].other == static_cast<int>(c);
      });
      if (other) continue;
      const auto count = std::count_if(left.begin(), left.end(),
                                       [&](absl::string_view text) { return Reads(all[c], text); });
      if (count <= best_count) continue;
      best = c;
      best_count = count;
    }
    if (best == all.size()) break;
    const int other = all[best].other;
    if (chosen.empty() && other >= 0) {
      ambiguous = std::all_of(left.begin(), left.end(), [&](absl::string_view text) {
        return !Reads(all[best], text) || Reads(all[static_cast<size_t>(other)], text);
      });
      if (ambiguous) guess.other_order = all[static_cast<size_t>(other)].format.text();
    }
    chosen.push_back(best);
    left.erase(std::remove_if(left.begin(), left.end(),
                              [&](absl::string_view text) { return Reads(all[best], text); }),
               left.end());
  }
  if (left.size() * 20 > texts.size()) return TimeGuess{};
  guess.unreadable = static_cast<int64_t>(left.size());
  guess.has_offset = !chosen.empty();
  for (const size_t c : chosen) {
    guess.formats.push_back(all[c].format.text());
    guess.has_offset = guess.has_offset && all[c].format.has_offset();
  }
  return guess;
}

}  // namespace gridledger::mapping
