// The bounds on the rows and bytes that one call of the catalog touches. They keep a request from
// blocking the catalog's thread.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"
#include "common/store/testing/mem_store.h"
#include "datamgr/catalog/catalog.h"
#include "datamgr/catalog/transactions/keys.h"
#include "datamgr/catalog/tree/path.h"

namespace convergia::datamgr {
namespace {

constexpr uint64_t kRowsPerCall = 600;
constexpr uint64_t kBytesPerCall = 128 * 1024;
constexpr int kPieces = 6'000;
constexpr int kFolders = 9'000;

class BoundsTest : public testing::Test {
 protected:
  BoundsTest() { EXPECT_OK(tree().CreateFolder("ann", "/a")); }

  Tree& tree() { return catalog_->tree(); }
  Files& files() { return catalog_->files(); }
  ChunkRef Chunk(uint32_t bytes) { return {1, ++chunks_, bytes}; }

  // Repeats `call` until it is done; each call must stay within the bounds. Returns the final code.
  std::string Whole(const std::function<absl::Status()>& call, uint64_t rows = kRowsPerCall,
                    uint64_t bytes = kBytesPerCall) {
    calls_ = 0;
    absl::Status status;
    do {
      const Touched before = catalog_->touched();
      status = call();
      const Touched after = catalog_->touched();
      EXPECT_LE(after.rows - before.rows, rows);
      EXPECT_LE(after.bytes - before.bytes, bytes);
      ++calls_;
    } while (IsCallAgain(status));
    return status.ok() ? "OK" : std::string(FailCodeWord(FailCodeOf(status)));
  }
  void MakePieces(const std::string& path) {
    ASSERT_OK(tree().CreateFile("ann", path));
    for (uint64_t i = 0; i < kPieces; ++i) ASSERT_OK(files().Write("ann", path, i, Chunk(1)));
  }
  // Makes `kFolders` folders in `path`. The first of them begins a chain of `levels` folders.
  void MakeFolders(const std::string& path, int levels) {
    ASSERT_OK(tree().CreateFolder("ann", path));
    for (int i = 0; i < kFolders; ++i) {
      const std::string above = absl::StrCat(path, "/", 1 + i % 90);
      ASSERT_OK(tree().CreateFolder("ann", i < 90 ? above : absl::StrCat(above, "/", i)));
    }
    ASSERT_EQ(MakeWay(absl::StrCat(path, "/0"), levels - 1).size(), path.size() + 2 * (levels - 1));
  }
  // Makes `levels` folders, each in the one before. Returns the lowest.
  std::string MakeWay(std::string path, int levels) {
    for (int i = 0; i < levels; ++i) {
      if (i > 0) path += "/0";
      EXPECT_OK(tree().CreateFolder("ann", path));
    }
    return path;
  }

  FakeClock clock_;
  store::MemStore store_;
  std::unique_ptr<Catalog> catalog_ = *Catalog::Open(store_, clock_, {});
  uint64_t chunks_ = 0;
  int calls_ = 0;
};

TEST_F(BoundsTest, ChangesOfAFileOfManyTinyPieces) {
  MakePieces("/a/f");
  const ChunkRef big = Chunk(kPieces - 200);
  EXPECT_EQ(Whole([&] { return files().Write("ann", "/a/f", 100, big).status(); }), "OK");
  EXPECT_EQ(calls_, 1);  // The overlay counts at once.
  EXPECT_EQ(Whole([&] { return files().Truncate("ann", "/a/f", 50); }), "OK");
  EXPECT_GT(calls_, (kPieces - 200) / 100);
  EXPECT_EQ(files().Read("ann", "/a/f", 0, 100)->bytes, 50u);

  MakePieces("/a/g");
  EXPECT_EQ(Whole([&] { return files().Truncate("ann", "/a/g", 1); }), "OK");
  EXPECT_EQ(calls_, 1);
  const ChunkRef end = Chunk(1);
  EXPECT_EQ(Whole([&] { return files().Write("ann", "/a/g", 1, end).status(); }), "OK");
  EXPECT_EQ(files().Read("ann", "/a/g", 0, 100)->bytes, 2u);
}

TEST_F(BoundsTest, ReadsOfAFileOfManyTinyPieces) {
  MakePieces("/a/f");
  EXPECT_EQ(Whole([&] { return files().Read("ann", "/a/f", 0, kPieces).status(); }), "OK");
  EXPECT_EQ(Whole([&] { return files().Describe("ann", "/a/f").status(); }, 1'200), "OK");
  EXPECT_EQ(Whole([&] { return catalog_->join_work().Next().status(); }), "OK");
  ASSERT_OK(tree().DeleteFile("ann", "/a/f"));
  bool worked = true;
  while (worked) {
    EXPECT_EQ(Whole([&] {
                const auto step = catalog_->deferred_work().Step();
                worked = step.value_or(false);
                return step.status();
              }),
              "OK");
  }
}

TEST_F(BoundsTest, AMoveOfVeryManyFoldersThatWouldBeTooDeep) {
  MakeFolders("/big", 10);
  const std::string low = MakeWay("/low", kPathDepthMax - 10);
  EXPECT_EQ(Whole([&] { return tree().Move("ann", "/big", low + "/big"); }), "OK");
  EXPECT_GT(calls_, kFolders / 300);
  EXPECT_EQ(Whole([&] { return tree().Move("ann", low + "/big", "/big"); }), "OK");
  EXPECT_EQ(calls_, 1);  // A move upwards needs no measuring.
  ASSERT_OK(tree().CreateFolder("ann", low + "/1"));
  EXPECT_EQ(Whole([&] { return tree().Move("ann", "/big", low + "/1/big"); }), "BADFIELD");
  EXPECT_GT(calls_, kFolders / 300);
  EXPECT_EQ(tree().List("ann", "/big", "", 1'000)->size(), 91u);
}

TEST_F(BoundsTest, WhatComesIntoAFolderWhileItIsMeasuredCounts) {
  MakeFolders("/big", 9);
  const std::string low = MakeWay("/low", kPathDepthMax - 10);
  const auto move = [&] { return tree().Move("ann", "/big", low + "/big"); };
  const std::string end = "/big/0/0/0/0/0/0/0/0";
  ASSERT_TRUE(IsCallAgain(move()));
  ASSERT_OK(tree().CreateFolder("ann", end + "/0"));  // The greatest depth allowed.
  ASSERT_OK(tree().CreateFile("ann", end + "/0/f"));  // Too deep.
  EXPECT_EQ(Whole(move), "BADFIELD");

  ASSERT_OK(tree().DeleteFile("ann", end + "/0/f"));
  MakeWay("/other", 3);
  ASSERT_TRUE(IsCallAgain(move()));
  ASSERT_OK(tree().Move("ann", "/other", end + "/other"));
  EXPECT_EQ(Whole(move), "BADFIELD");
  ASSERT_OK(tree().Move("ann", end + "/other", "/other"));
  EXPECT_EQ(Whole(move), "OK");
}

TEST_F(BoundsTest, ListsAndPermissions) {
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_OK(tree().CreateFile("ann", absl::StrCat("/a/", i)));
    if (i >= 900) continue;
    ASSERT_OK(tree().SetPermissions("ann", "/a", absl::StrCat("user", i), Right::kRead));
  }
  EXPECT_EQ(Whole([&] { return tree().List("ann", "/a", "", 1'000).status(); }, 2'100), "OK");
  const std::string low = MakeWay("/a/d", 10);
  for (std::string at = low; at != "/a"; at = at.substr(0, at.rfind('/'))) {
    for (int i = 0; i < 500; ++i) {
      ASSERT_OK(tree().SetPermissions("ann", at, absl::StrCat("user", i), Right::kRead));
    }
  }
  const auto set = [&](const std::string& who, Right right) {
    return Whole([&] { return tree().SetPermissions("ann", low, who, right); }, 1'600);
  };
  EXPECT_EQ(set("bob", Right::kWrite), "OK");
  EXPECT_EQ(set("ann", Right::kRead), "DENIED");
  EXPECT_EQ(set("bob", Right::kAdmin), "OK");
  EXPECT_EQ(set("ann", Right::kRead), "OK");
}

TEST_F(BoundsTest, AListOfMetadataReadsNoValues) {
  Metadata& metadata = catalog_->metadata();
  const std::string value(kMetadataValueBytesMax, 'v');
  for (uint32_t i = 0; i < kMetadataKeysMax; ++i) {
    ASSERT_OK(metadata.Set("ann", absl::StrCat("key", i), value));
  }
  ASSERT_OK(metadata.Delete("ann", "key0"));
  ASSERT_OK(metadata.Set("ann", "key1", "short"));
  const Touched before = catalog_->touched();
  const auto rows = *metadata.List("ann");
  EXPECT_LE(catalog_->touched().bytes - before.bytes, 20'000u);
  ASSERT_EQ(rows.size(), kMetadataKeysMax - 1);
  EXPECT_EQ(rows[0], (std::pair<std::string, uint64_t>("key1", 5)));
  EXPECT_EQ(rows[1], (std::pair<std::string, uint64_t>("key10", kMetadataValueBytesMax)));
}

TEST_F(BoundsTest, SizesOfMetadataOfBeforeAreFoundInParts) {
  Metadata& metadata = catalog_->metadata();
  const std::string value(kMetadataValueBytesMax, 'v');
  for (int i = 0; i < 30; ++i) ASSERT_OK(metadata.Set("ann", absl::StrCat("key", i), value));
  catalog_->Flush();
  {
    PipelinedStore rows(store_);
    Transaction edit(rows);
    for (int i = 0; i < 30; ++i) edit.Delete(keys::MetadataSize("ann", absl::StrCat("key", i)));
    records::MetadataUse use;
    use.set_keys(30);
    edit.Put(keys::MetadataUse("ann"), use);
    ASSERT_OK(edit.Commit());
  }
  ASSERT_TRUE(IsCallAgain(metadata.List("ann").status()));
  ASSERT_OK(metadata.Set("ann", "key0", "short"));    // Its size was found already.
  ASSERT_OK(metadata.Set("ann", "key9", "shorter"));  // Its size was not found yet.
  ASSERT_OK(metadata.Set("ann", "a", "new"));
  const uint64_t bytes = 10 * kMetadataValueBytesMax;
  EXPECT_EQ(Whole([&] { return metadata.List("ann").status(); }, kRowsPerCall, bytes), "OK");
  EXPECT_GT(calls_, 2);
  const auto rows = *metadata.List("ann");
  ASSERT_EQ(rows.size(), 31u);
  EXPECT_EQ(rows[0].second, 3u);
  EXPECT_EQ(rows[1].second, 5u);
  EXPECT_EQ(rows[2].second, kMetadataValueBytesMax);
  EXPECT_EQ(rows[30].second, 7u);
  EXPECT_EQ(*metadata.Get("ann", "key8"), value);
}

}  // namespace
}  // namespace convergia::datamgr
