#pragma once

#include <cstddef>
#include <optional>

#include "common/store/replicated/replicated_log.h"

namespace convergia::store {

struct TrimOptions {
  // Below it the entries that only a lagging replica needs are kept. Half of what the log may hold.
  size_t keep_bytes = size_t{512} * 1024 * 1024;
  Sequence step = 256;  // Fewer entries are not worth a call.
};

// Decides up to which entry the log can be trimmed; nullopt: trim nothing. At least two replicas
// have flushed what is trimmed, so that losing one disk loses nothing. All have, as long as the log
// is small. The head's entry always stays.
std::optional<Sequence> PlanTrim(const LogState& state, const TrimOptions& options);

}  // namespace convergia::store
