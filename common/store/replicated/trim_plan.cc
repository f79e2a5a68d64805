#include "common/store/replicated/trim_plan.h"

#include <algorithm>
#include <functional>
#include <vector>

namespace convergia::store {

std::optional<Sequence> PlanTrim(const LogState& state, const TrimOptions& options) {
  std::vector<Sequence> flushed;
  for (const auto& [replica, through] : state.flushed) flushed.push_back(through);
  if (flushed.size() < 2) return std::nullopt;
  std::sort(flushed.begin(), flushed.end(), std::greater<>());
  Sequence through = state.bytes > options.keep_bytes ? flushed[1] : flushed.back();
  through = std::min(through, std::max<Sequence>(state.head.sequence, 1) - 1);
  if (through + 1 < state.first + options.step) return std::nullopt;
  return through;
}

}  // namespace convergia::store
