#include "tests/testing/eventually.h"

#include "absl/time/clock.h"
#include "common/base/clock.h"

namespace convergia::testing {

bool Eventually(const std::function<bool()>& holds, absl::Duration patience) {
  const Clock& clock = RealClock::Get();
  const absl::Duration end = clock.Elapsed() + patience;
  while (!holds()) {
    if (clock.Elapsed() > end) return false;
    absl::SleepFor(absl::Milliseconds(10));
  }
  return true;
}

}  // namespace convergia::testing
