#pragma once

#include <functional>

#include "absl/time/time.h"

namespace convergia::testing {

// Calls `holds` repeatedly until it returns true, at most for `patience`. Returns its last result.
// Only for conditions in other processes, which send this one no event. Within one process, await
// the event itself.
bool Eventually(const std::function<bool()>& holds, absl::Duration patience = absl::Seconds(30));

}  // namespace convergia::testing
