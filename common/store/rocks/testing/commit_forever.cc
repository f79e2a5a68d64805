// Commits to the store in the directory of its one argument until it is killed, and writes every
// acknowledged commit to stdout as a line "LANE COUNT REVISION". For rocks_store_crash_test.

#include <unistd.h>

#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/store/rocks/rocks_store.h"

namespace convergia::store {
namespace {

// Two keys a commit, always with the same value, so that half a commit would show.
Batch MakeBatch(int lane, uint64_t count) {
  const std::string value = absl::StrCat(count);
  return Batch().Put(absl::StrCat("a", lane), value).Put(absl::StrCat("b", lane), value);
}

void WriteLine(const std::string& line) {
  // One write(), so that a kill leaves whole lines only; a reader that went away ends us.
  if (write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    _exit(1);
  }
}

// Each lane has one commit under way, and gives the next as soon as it is acknowledged.
void CommitNext(Store* store, int lane, uint64_t count) {
  store->CommitAsync(MakeBatch(lane, count), [=](absl::StatusOr<Revision> outcome) {
    if (!outcome.ok()) {
      std::cerr << outcome.status() << std::endl;
      _exit(1);
    }
    WriteLine(absl::StrCat(lane, " ", count, " ", *outcome, "\n"));
    CommitNext(store, lane, count + 1);
  });
}

}  // namespace
}  // namespace convergia::store

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: commit_forever DIRECTORY" << std::endl;
    return 2;
  }
  const auto store = convergia::store::RocksStore::Open({.dir = argv[1]});
  if (!store.ok()) {
    std::cerr << store.status() << std::endl;
    return 1;
  }
  constexpr int kLanes = 16;
  for (int lane = 0; lane < kLanes; ++lane) {
    convergia::store::CommitNext(store->get(), lane, 1);
  }
  while (true) pause();
}
