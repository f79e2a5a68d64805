// Puts and deletes chunks in the store at argv[1] until it is killed. It prints one line for each
// acknowledged change: "put VOLUME CHUNK" or "delete VOLUME CHUNK". Before it asks for a delete it
// prints "deleting VOLUME CHUNK". Chunk numbers begin at argv[2]. For chunk_store_kill_test.
#include <glog/logging.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/disk/real_disk.h"
#include "dataserver/store/chunk_store.h"
#include "dataserver/testing/store_testing.h"

namespace convergia::dataserver {
namespace {

// Writes a line with one write(), so that no line is cut by a kill.
void Say(absl::string_view what, const ChunkKey& key) {
  const std::string line = absl::StrCat(what, " ", key.volume, " ", key.chunk, "\n");
  if (write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    std::exit(1);
  }
}

int PutForever(const std::string& dir, uint64_t first) {
  ChunkStore::Options options = SmallStore(disk::RealDisk(), dir);
  options.does_housekeeping = true;
  auto store = ChunkStore::Open(options);
  if (!store.ok()) {
    LOG(ERROR) << store.status();
    return 2;
  }
  for (uint64_t chunk = first;; ++chunk) {
    const ChunkKey key{1 + chunk % 3, chunk};
    const std::string bytes = BytesOf(chunk, 1 + chunk * 997 % 9'000);
    // Puts are not awaited, so some are under way while a delete waits.
    (*store)->Put(key, bytes, Checksum(bytes), [key](const absl::Status& status) {
      if (status.ok()) Say("put", key);
    });
    if (chunk % 4 != 0 || chunk < first + 8) continue;
    const ChunkKey old{1 + (chunk - 8) % 3, chunk - 8};
    Say("deleting", old);
    if (DeleteNow(**store, old).ok()) Say("delete", old);
  }
}

}  // namespace
}  // namespace convergia::dataserver

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  return convergia::dataserver::PutForever(argv[1], std::strtoull(argv[2], nullptr, 10));
}
