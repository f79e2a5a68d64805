#include "client/disk/unfinished_files.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <climits>
#include <csignal>
#include <cstring>

#include "absl/base/call_once.h"

namespace convergia::client {
namespace {

// Fixed memory, since a signal handler must not allocate.
struct Slot {
  enum State { kFree, kTaken, kRemembered };
  std::atomic<State> state = kFree;
  char path[PATH_MAX];
};
std::array<Slot, 8> slots;
absl::once_flag once;

void RemoveAndEnd(int signal) {
  for (Slot& slot : slots) {
    if (slot.state.load() == Slot::kRemembered) unlink(slot.path);
  }
  raise(signal);  // The handler is reset: this ends the program once it returns.
}

void HandleSignals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before = {}, action = {};
    action.sa_handler = &RemoveAndEnd;
    action.sa_flags = SA_RESETHAND;
    sigfillset(&action.sa_mask);
    if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_DFL) {
      sigaction(signal, &action, nullptr);
    }
  }
}

}  // namespace

int RememberUnfinished(const std::string& path) {
  absl::call_once(once, &HandleSignals);
  if (path.size() >= PATH_MAX) return -1;
  for (size_t i = 0; i < slots.size(); ++i) {
    Slot::State free = Slot::kFree;
    if (!slots[i].state.compare_exchange_strong(free, Slot::kTaken)) continue;
    std::memcpy(slots[i].path, path.c_str(), path.size() + 1);
    slots[i].state = Slot::kRemembered;
    return static_cast<int>(i);
  }
  return -1;
}

void ForgetUnfinished(int number) {
  if (number >= 0) slots[number].state = Slot::kFree;
}

}  // namespace convergia::client
