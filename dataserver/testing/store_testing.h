#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/synchronization/notification.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "dataserver/store/chunk_store.h"

// Helpers for the tests of the chunk store.
namespace convergia::dataserver {

// Random bytes. The same `seed` gives the same bytes.
inline std::string BytesOf(uint64_t seed, size_t length) {
  Rng rng(seed);
  std::string bytes(length, '\0');
  for (char& byte : bytes) byte = static_cast<char>(rng());
  return bytes;
}

// Small segments, a fixed owner, and no housekeeping thread.
inline ChunkStore::Options SmallStore(disk::Disk& disk, const std::string& dir) {
  ChunkStore::Options options;
  options.disk = &disk;
  options.clock = &RealClock::Get();
  options.dir = dir;
  options.owner = {"cluster1", "node1"};
  options.segment_bytes = 32 * 1024;
  options.does_housekeeping = false;
  return options;
}

// Waits for the status that a callback gets.
class Answer {
 public:
  DoneCallback callback() {
    return [state = state_](absl::Status status) {
      state->status = std::move(status);
      state->given.Notify();
    };
  }
  absl::Status Wait() const {
    state_->given.WaitForNotification();
    return state_->status;
  }

 private:
  struct State {
    absl::Notification given;
    absl::Status status;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

inline absl::Status PutNow(ChunkStore& store, const ChunkKey& key, const std::string& bytes) {
  Answer answer;
  store.Put(key, bytes, Checksum(bytes), answer.callback());
  return answer.Wait();
}

inline absl::Status DeleteNow(ChunkStore& store, const ChunkKey& key) {
  Answer answer;
  store.Delete({key}, answer.callback());
  return answer.Wait();
}

inline absl::Status DropNow(ChunkStore& store, uint64_t volume) {
  Answer answer;
  store.DropVolume(volume, answer.callback());
  return answer.Wait();
}

inline absl::StatusOr<std::string> ReadNow(const ChunkStore& store, const ChunkKey& key) {
  absl::StatusOr<ChunkBytes> read = store.Read(key, 0, limits::kChunkBytesMax);
  if (!read.ok()) return read.status();
  EXPECT_EQ(read->checksum, Checksum(read->bytes));
  return std::move(read->bytes);
}

// Whether `key` holds exactly `bytes`. The failure text gives the reason without the bytes.
inline testing::AssertionResult Holds(const ChunkStore& store, const ChunkKey& key,
                                      const std::string& bytes) {
  const absl::StatusOr<std::string> read = ReadNow(store, key);
  if (!read.ok()) return testing::AssertionFailure() << ToText(key) << ": " << read.status();
  if (*read == bytes) return testing::AssertionSuccess();
  return testing::AssertionFailure() << ToText(key) << " has other bytes";
}

}  // namespace convergia::dataserver
