// Exit codes of every program: 0 done · 1 the work found a difference or damage · 2 wrong usage or
// configuration · 3 the world failed (disk, network).
#pragma once

#include <absl/status/status.h>

namespace gridledger::host {

// As every --help shows them.
constexpr char kExitCodes[] =
    "Exit codes:\n"
    "  0  done\n"
    "  1  the work found a difference or damage\n"
    "  2  wrong usage or configuration: no such folder or incident, another process writes, …\n"
    "  3  the world failed (disk, memory, network), or a signal ended it early\n";

inline int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk: return 0;
    case absl::StatusCode::kDataLoss: return 1;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kAlreadyExists: return 2;
    default: return 3;
  }
}

}  // namespace gridledger::host
