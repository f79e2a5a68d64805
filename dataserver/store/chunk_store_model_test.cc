// Random operations against the store and a map must give the same answers and bytes. Restarts,
// compaction, scrub, lost indexes and flipped bits happen in between. A failure prints its seed.
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"
#include "common/disk/testing/faulty_disk.h"
#include "dataserver/store/chunk_store.h"
#include "dataserver/testing/store_testing.h"

namespace convergia::dataserver {
namespace {

class Model {
 public:
  explicit Model(uint64_t seed) : rng_(seed) { Start(); }

  void Step() {
    const uint64_t what = rng_() % 1000;
    if (what < 400) return Put();
    if (what < 600) return Delete();
    if (what < 800) return Read();
    if (what < 900) return store_->CompactOnce().IgnoreError();
    if (what < 920) return store_->ScrubOnce(20'000).IgnoreError();
    if (what < 930) return List();
    if (what < 940) return DropVolume();
    if (what < 950) return Damage();
    if (what < 990) return Restart(/*loses_index=*/false);
    if (what < 993) return Restart(/*loses_index=*/true);
    ReadAll();
  }

  void ReadAll() {
    for (const auto& [key, bytes] : chunks_) ASSERT_TRUE(Holds(*store_, key, bytes));
    EXPECT_EQ(store_->Facts()->chunks, chunks_.size());
    EXPECT_EQ(store_->Facts()->read_only, std::nullopt);
  }

 private:
  void Start() {
    auto store = ChunkStore::Open(SmallStore(disk_, "/store"));
    ASSERT_OK(store);
    store_ = *std::move(store);
    EXPECT_EQ(store_->recovery().damaged_bytes, 0);
    EXPECT_EQ(store_->recovery().chunks_lost, 0);
  }

  ChunkKey AnyKey() { return {1 + rng_() % 4, 1 + rng_() % 60}; }
  // A key always has the same bytes, also after a delete.
  static std::string BytesFor(const ChunkKey& key) {
    return BytesOf(key.volume * 1000 + key.chunk, 1 + key.chunk * 1237 % 70'000);
  }

  void Put() {
    const ChunkKey key = AnyKey();
    ASSERT_OK(PutNow(*store_, key, BytesFor(key)));
    chunks_[key] = BytesFor(key);
  }

  void Delete() {
    const ChunkKey key = AnyKey();
    ASSERT_OK(DeleteNow(*store_, key));
    chunks_.erase(key);
  }

  void Read() {
    const ChunkKey key = AnyKey();
    const uint32_t offset = rng_() % 70'000;
    const uint32_t length = rng_() % 70'000;
    const auto read = store_->Read(key, offset, length);
    const auto found = chunks_.find(key);
    if (found == chunks_.end()) {
      EXPECT_EQ(FailCodeOf(read.status()), FailCode::kNotFound);
    } else if (offset > found->second.size()) {
      EXPECT_THAT(read, StatusIs(absl::StatusCode::kOutOfRange));
    } else {
      ASSERT_OK(read);
      EXPECT_TRUE(read->bytes == found->second.substr(offset, length));
    }
  }

  void List() {
    const uint64_t volume = 1 + rng_() % 4;
    const auto listed = store_->List(volume, 0, 1000);
    ASSERT_OK(listed);
    std::vector<uint64_t> expected;
    for (const auto& [key, bytes] : chunks_) {
      if (key.volume == volume) expected.push_back(key.chunk);
    }
    std::vector<uint64_t> got;
    for (const ListedChunk& chunk : *listed) got.push_back(chunk.chunk);
    EXPECT_EQ(got, expected);
  }

  void DropVolume() {
    const uint64_t volume = 1 + rng_() % 4;
    ASSERT_OK(DropNow(*store_, volume));
    chunks_.erase(chunks_.lower_bound({volume, 0}), chunks_.lower_bound({volume + 1, 0}));
  }

  // Flips a bit in the payload of a record. Readers must notice it; a put heals it.
  void Damage() {
    if (chunks_.empty()) return;
    auto it = chunks_.lower_bound(AnyKey());
    if (it == chunks_.end()) it = chunks_.begin();
    const auto& [key, bytes] = *it;
    if (!FlipIn(bytes)) return;
    EXPECT_THAT(ReadNow(*store_, key), StatusIs(absl::StatusCode::kDataLoss)) << ToText(key);
    ASSERT_OK(PutNow(*store_, key, bytes));
    EXPECT_TRUE(Holds(*store_, key, bytes));
  }

  // Flips a bit in every copy of `bytes` on the disk, live or dead. Returns whether there was one.
  bool FlipIn(const std::string& bytes) {
    if (bytes.size() < 16) return false;  // Too short to be found for certain.
    const auto names = disk_.List("/store/segments");
    bool flipped = false;
    for (const std::string& name : *names) {
      const std::string path = "/store/segments/" + name;
      const auto contents = disk::ReadFile(disk_, path, 1 << 30);
      for (size_t at = contents->find(bytes); at != std::string::npos;
           at = contents->find(bytes, at + 1)) {
        disk_.FlipBits(path, at + rng_() % bytes.size(), 1 << rng_() % 8);
        flipped = true;
      }
    }
    return flipped;
  }

  void Restart(bool loses_index) {
    store_.reset();
    if (loses_index) {
      ASSERT_OK(disk::RemoveTree(disk_, "/store/index"));
    }
    Start();
  }

  Rng rng_;
  disk::FaultyDisk disk_;
  std::unique_ptr<ChunkStore> store_;
  std::map<ChunkKey, std::string> chunks_;
};

class ChunkStoreModelTest : public testing::TestWithParam<uint64_t> {};

TEST_P(ChunkStoreModelTest, BehavesLikeAMap) {
  SCOPED_TRACE(absl::StrCat("seed ", GetParam()));
  Model model(GetParam());
  for (int step = 0; step < 3'000 && !testing::Test::HasFailure(); ++step) {
    SCOPED_TRACE(absl::StrCat("step ", step));
    model.Step();
  }
  model.ReadAll();
}

INSTANTIATE_TEST_SUITE_P(Seeds, ChunkStoreModelTest, testing::Range<uint64_t>(1, 7));

}  // namespace
}  // namespace convergia::dataserver
