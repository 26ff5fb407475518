// A question to whoever sits at the terminal, before something that cannot be taken back.
#pragma once

#include <absl/strings/string_view.h>

namespace gridledger::cli {

// Whether somebody sits there who can be asked: standard input and standard error are a terminal.
bool IsAsked();
// Asks on standard error; true for an answer that begins with y.
bool Ask(absl::string_view question);

}  // namespace gridledger::cli
