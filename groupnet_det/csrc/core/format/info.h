// The types of what a packed file says about itself: groupnet_det/packed/info.py in C++.
#pragma once

#include "core/format/json/json.h"

namespace groupnet {

// That every member of a file's "info" is of its type; there may be others, and each may be
// missing or null. Throws Error, which names the member.
void check_info(const Json& info);

}  // namespace groupnet
