#include "common/base/descriptors.h"

#include <sys/resource.h>

#include <algorithm>

namespace convergia {
namespace {

constexpr int kLimitMax = 1 << 24;   // So that "unlimited" is a number.
constexpr int kNodesMax = 1 << 14;   // No cluster has more nodes.
constexpr int kLimitUnknown = 1024;  // Every kernel gives this.

}  // namespace

DescriptorShares SharesOf(int limit) {
  const int part = limit / 16;
  return {
      .clients_end = 12 * part, .nodes_end = 15 * part, .nodes_max = std::min(4 * part, kNodesMax)};
}

const DescriptorShares& OwnShares() {
  static const DescriptorShares shares = [] {
    rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return SharesOf(kLimitUnknown);
    return SharesOf(static_cast<int>(std::min<rlim_t>(limit.rlim_cur, kLimitMax)));
  }();
  return shares;
}

void RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  // If this fails, the old limit serves as well, with fewer connections.
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace convergia
