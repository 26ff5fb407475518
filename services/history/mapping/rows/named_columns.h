// Which columns does a mapping use? For inputs whose format has no header.
#pragma once

#include <string>
#include <vector>

#include "gridledger/v1/mapping.pb.h"

namespace gridledger::mapping {

// Each column that it reads, once, in the order of the mapping. Not its `leaks`, which it must not.
std::vector<std::string> ColumnsOf(const v1::Mapping& mapping);

}  // namespace gridledger::mapping
