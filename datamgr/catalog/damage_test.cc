// Damages rows of the catalog on the disk. Each damaged row may fail the requests that need it, and
// no others.
#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/testing/status_testing.h"
#include "common/store/testing/mem_store.h"
#include "datamgr/catalog/catalog.h"
#include "datamgr/catalog/transactions/keys.h"

namespace convergia::datamgr {
namespace {

class DamageTest : public testing::Test {
 protected:
  DamageTest() { Fill(); }

  // Two users with a folder and a file each, mail, a draft, a part, metadata, trash, and deferred
  // work.
  void Fill() {
    catalog_.reset();
    store_ = std::make_unique<store::MemStore>();
    catalog_ = *Catalog::Open(*store_, clock_, {});
    for (const std::string user : {"ann", "bob"}) {
      const std::string folder = absl::StrCat("/", user);
      EXPECT_OK(tree().CreateFolder(user, folder));
      EXPECT_OK(tree().CreateFolder(user, absl::StrCat(folder, "/d")));
      EXPECT_OK(tree().CreateFile(user, absl::StrCat(folder, "/f")));
      EXPECT_OK(tree().CreateFile(user, absl::StrCat(folder, "/part"), true));
      for (uint64_t i = 0; i < 60; ++i) EXPECT_OK(Write(user, i, 1));
      for (uint64_t i = 0; i < 5; ++i) EXPECT_OK(Write(user, 60 + 100 * i, 100));
      EXPECT_OK(catalog_->metadata().Set(user, "key", "value"));
      EXPECT_OK(catalog_->mailboxes().Begin(user, {"bob"}));
      EXPECT_OK(catalog_->mailboxes().Send(user, *catalog_->mailboxes().Begin(user, {"ann"})));
    }
    EXPECT_OK(Write("ann", 0, 60));  // Over 60 pieces: an overlay with deferred work.
    EXPECT_TRUE(*catalog_->deferred_work().Step());
    catalog_->Flush();
  }
  Tree& tree() { return catalog_->tree(); }
  Files& files() { return catalog_->files(); }
  absl::Status Write(const std::string& user, uint64_t offset, uint32_t bytes) {
    const ChunkRef chunk{1, ++chunks_, bytes};
    absl::Status status = CallAgain();
    for (int calls = 0; IsCallAgain(status) && calls < 100; ++calls) {
      status = files().Write(user, absl::StrCat("/", user, "/f"), offset, chunk).status();
    }
    return status;
  }
  std::vector<store::KeyValue> RowsOf(const std::string& prefix) {
    std::vector<store::KeyValue> rows;
    EXPECT_OK(store_->ForEach(prefix, [&](const store::KeyValue& row) {
      rows.push_back(row);
      return absl::OkStatus();
    }));
    return rows;
  }
  void Put(const std::string& key, const std::string& value) {
    store::Batch batch;
    batch.Put(key, value);
    ASSERT_OK(store_->Commit(batch));
  }
  // All operations of bob on bob's own data must work.
  void CheckBob() {
    EXPECT_EQ(files().Read("bob", "/bob/f", 0, 1'000)->bytes, 560u);
    EXPECT_OK(Write("bob", 560, 1));
    EXPECT_OK(files().Truncate("bob", "/bob/f", 560));
    EXPECT_EQ(tree().List("bob", "/bob", "", 10)->size(), 3u);
  }
  // All requests of ann, and all work that runs beside requests, with any outcome.
  void DoAll() {
    const auto again = [](const std::function<absl::Status()>& call) {
      for (int calls = 0; calls < 100 && IsCallAgain(call()); ++calls) {
      }
    };
    (void)Write("ann", 30, 10);
    (void)files().Read("ann", "/ann/f", 0, 1'000);
    (void)files().Describe("ann", "/ann/f");
    (void)tree().List("ann", "/ann", "", 10);
    (void)tree().SetPermissions("ann", "/ann", "cid", Right::kRead);
    again([&] { return tree().Move("ann", "/ann/d", "/ann/e"); });
    again([&] { return tree().Move("ann", "/ann", "/bob/ann"); });
    again([&] { return catalog_->metadata().List("ann").status(); });
    (void)catalog_->metadata().Set("ann", "key", "other");
    for (const MailRow& row :
         catalog_->mailboxes().List("ann", 0, 10).value_or(std::vector<MailRow>())) {
      (void)catalog_->mailboxes().Read("ann", row.message, 0, 10);
      (void)catalog_->mailboxes().Delete("ann", row.message);
    }
    again([&] { return files().Truncate("ann", "/ann/f", 10); });
    (void)tree().DeleteFile("ann", "/ann/f");
    (void)tree().DeleteFolder("ann", "/ann", true);
    clock_.Advance(absl::Hours(24 * 8));
    for (int i = 0; i < 50; ++i) {
      (void)catalog_->deferred_work().Step();
      (void)catalog_->deferred_work().ExpirePart();
      (void)catalog_->mailboxes().ExpireOne();
      (void)catalog_->join_work().Next();
      (void)catalog_->hash_work().Next();
    }
    using Entries = std::vector<DeferredWork::TrashEntry>;
    for (const auto& entry : catalog_->deferred_work().DueTrash(100).value_or(Entries())) {
      (void)catalog_->deferred_work().LetGo(entry);
      (void)catalog_->deferred_work().Forget(entry);
    }
    catalog_->Flush();
    const CatalogChunks live(*store_);
    (void)live.ListLive(1, 0, 10'000);
  }

  FakeClock clock_;
  std::unique_ptr<store::MemStore> store_;
  std::unique_ptr<Catalog> catalog_;
  uint64_t chunks_ = 0;
};

TEST_F(DamageTest, AnExtentThatSaysWhatCannotBeEndsOneRequest) {
  const uint64_t file = files().Describe("ann", "/ann/f")->id;
  const std::string key = keys::Extent(file, 360);
  records::Extent good;
  good.ParseFromString(store_->Get(key)->value().value);
  ASSERT_EQ(good.begin(), 260u);
  const std::function<void(records::Extent*)> kDamages[] = {
      [](records::Extent* extent) { extent->set_begin(361); },
      [](records::Extent* extent) { extent->set_begin(360); },
      [](records::Extent* extent) { extent->set_begin(259); },
      [](records::Extent* extent) { extent->set_chunk_offset(1); },
      [](records::Extent* extent) { extent->set_chunk_offset(UINT32_MAX); },
      [](records::Extent* extent) { extent->mutable_chunk()->set_bytes(99); },
      [](records::Extent* extent) { extent->mutable_chunk()->set_bytes(UINT32_MAX); },
      [](records::Extent* extent) { extent->mutable_chunk()->set_volume(0); },
      [](records::Extent* extent) { extent->clear_chunk(); },
  };
  std::vector<std::string> values = {"\xff", std::string(200, '\0')};
  for (const auto& damage : kDamages) {
    records::Extent bad = good;
    damage(&bad);
    values.push_back(bad.SerializeAsString());
  }
  for (const std::string& value : values) {
    Put(key, value);
    EXPECT_TRUE(absl::IsDataLoss(files().Read("ann", "/ann/f", 200, 100).status()));
    EXPECT_TRUE(absl::IsDataLoss(Write("ann", 250, 20)));
    EXPECT_EQ(files().Read("ann", "/ann/f", 0, 200)->bytes, 200u);  // The rest can be read.
    CheckBob();
  }
  Put(key, good.SerializeAsString());
  EXPECT_EQ(files().Read("ann", "/ann/f", 200, 100)->bytes, 100u);
}

TEST_F(DamageTest, AChunksRowThatIsDamagedEndsOneRequestAndKeepsTheChunk) {
  const Piece piece = files().Read("ann", "/ann/f", 260, 100)->pieces.front();
  const std::string key = keys::Chunk(piece.chunk.volume, piece.chunk.chunk);
  const CatalogChunks live(*store_);
  const size_t chunks = live.ListLive(1, 0, 10'000)->size();
  for (const std::string& value : {std::string("\xff"), std::string(), std::string(200, '\0')}) {
    Put(key, value);
    EXPECT_EQ(files().Read("ann", "/ann/f", 260, 100)->bytes, 100u);
    EXPECT_TRUE(absl::IsDataLoss(Write("ann", 260, 100)));
    CheckBob();
    catalog_->Flush();
    EXPECT_EQ(*live.AreLive({piece.chunk}), std::vector<bool>{true});
    ASSERT_OK_AND_ASSIGN(const auto refs, live.ListLive(1, 0, 10'000));
    EXPECT_GE(refs.size(), chunks);
    for (const ChunkRef& ref : refs) {
      EXPECT_EQ(ref.bytes == 0, ref.chunk == piece.chunk.chunk);
    }
  }
}

TEST_F(DamageTest, WhatIsDamagedIsNotInTheWayOfOtherWork) {
  for (const char* prefix : {"c/r", "c/o", "c/t"}) {
    const auto rows = RowsOf(prefix);
    ASSERT_FALSE(rows.empty()) << prefix;
    Put(rows.front().key, "\xff");
  }
  ASSERT_OK(tree().DeleteFile("bob", "/bob/f"));
  while (*catalog_->deferred_work().Step()) {
  }
  clock_.Advance(absl::Hours(24 * 8));
  EXPECT_FALSE(catalog_->deferred_work().DueTrash(100)->empty());
  EXPECT_FALSE(catalog_->mailboxes().ExpireOne().ok());
  EXPECT_TRUE(*catalog_->mailboxes().ExpireOne());
}

TEST_F(DamageTest, NoDamagedRowEndsTheProcess) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    Fill();
    const auto rows = RowsOf("c/");
    const store::KeyValue& row = rows[random() % rows.size()];
    std::string value = row.value;
    if (value.empty() || random() % 4 == 0) {
      value = std::string(random() % 40, static_cast<char>(random()));
    } else if (random() % 2 == 0) {
      value[random() % value.size()] ^= static_cast<char>(1 << random() % 8);
    } else {
      value.resize(random() % value.size());
    }
    Put(row.key, value);
    DoAll();
    DoAll();
  }
}

}  // namespace
}  // namespace convergia::datamgr
