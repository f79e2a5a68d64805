#pragma once

#include <functional>

#include "absl/time/time.h"

namespace convergia::testing {

// Asks `holds` again and again until it says yes, at most for `patience`; what it said last. For
// what goes on in other processes, which send this one no event; in one process await the event
// itself.
bool Eventually(const std::function<bool()>& holds, absl::Duration patience = absl::Seconds(30));

}  // namespace convergia::testing
