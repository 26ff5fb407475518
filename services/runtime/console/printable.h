// Texts as people see them: safe to print, in columns that line up even with Chinese characters.
// Never decides what is said.
#pragma once

#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <cstdint>
#include <string>

namespace gridledger::cli {

// Columns that a terminal needs for UTF-8 text: 2 for an East Asian wide character, 0 for a
// combining one. A byte that is no UTF-8 counts as 1.
int DisplayWidth(absl::string_view text);
// Cut to at most `width` columns, with "…" where something was left out.
std::string FitTo(absl::string_view text, int width);
// Text of a ledger, safe to print: control characters become "�", so that no record can move the
// cursor or recolour a screen.
std::string Printable(absl::string_view text);
// The same of each of its lines: for errors, that names of files are in.
std::string PrintableLines(absl::string_view text);
// 1234567 → "1,234,567"
std::string Grouped(int64_t number);
// "3.2 s", "4 min 05 s", "2 h 07 min"
std::string PrintDuration(absl::Duration duration);

}  // namespace gridledger::cli
