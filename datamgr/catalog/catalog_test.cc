#include "datamgr/catalog/catalog.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/testing/status_testing.h"
#include "common/store/testing/mem_store.h"
#include "datamgr/catalog/transactions/keys.h"

namespace convergia::datamgr {
namespace {

class CatalogTest : public testing::Test {
 protected:
  CatalogTest() { Reopen(); }

  void Reopen() {
    catalog_.reset();
    catalog_ = *Catalog::Open(store_, clock_, options_);
  }
  Tree& tree() { return catalog_->tree(); }
  Files& files() { return catalog_->files(); }
  Mailboxes& mail() { return catalog_->mailboxes(); }
  ChunkRef Chunk(uint32_t bytes) { return {1, ++chunks_, bytes}; }

  void MakeFile(const std::string& user, const std::string& path, uint32_t bytes = 0) {
    ASSERT_OK(tree().CreateFile(user, path));
    if (bytes > 0) ASSERT_OK(files().Write(user, path, 0, Chunk(bytes)));
  }
  uint64_t BytesUsed(const std::string& user) {
    datamgr::PipelinedStore rows(store_);
    Transaction edit(rows);
    return edit.GetOrEmpty<records::Usage>(keys::Usage(user))->bytes();
  }
  uint64_t InodesUsed(const std::string& user) {
    datamgr::PipelinedStore rows(store_);
    Transaction edit(rows);
    return edit.GetOrEmpty<records::Usage>(keys::Usage(user))->inodes();
  }
  void DoDeferredWork() {
    while (*catalog_->deferred_work().Step()) {
    }
  }
  size_t PipelinedStore(const std::string& prefix) {
    size_t rows = 0;
    EXPECT_OK(store_.ForEach(prefix, [&](const store::KeyValue&) {
      ++rows;
      return absl::OkStatus();
    }));
    return rows;
  }
  void EmptyTrash() {
    clock_.Advance(options_.trash_grace + absl::Seconds(1));
    while (true) {
      const auto entries = *catalog_->deferred_work().DueTrash(100);
      if (entries.empty()) return;
      for (const auto& entry : entries) ASSERT_OK(catalog_->deferred_work().Forget(entry));
    }
  }

  CatalogOptions options_;
  FakeClock clock_;
  store::MemStore store_;
  std::unique_ptr<Catalog> catalog_;
  uint64_t chunks_ = 0;
};

template <typename T>
std::string Code(const T& result) {
  const absl::Status& status = testing_internal::AsStatus(result);
  return status.ok() ? "OK" : std::string(FailCodeWord(FailCodeOf(status)));
}

TEST_F(CatalogTest, PathsAgainstTheRulesAreBadFields) {
  std::string deep;
  for (int i = 0; i < 65; ++i) deep += "/d";
  for (const std::string& path :
       {std::string(), std::string("a"), std::string("//"), std::string("/a/"),
        std::string("/a//b"), std::string("/.."), std::string("/a/../b"), std::string("/a/./b"),
        std::string("/a\nb"), std::string("/a\tb"), std::string("/a\x7f"), std::string("/\xff"),
        std::string("/\xc0\xaf"), std::string("/\xed\xa0\x80"), std::string("/\xc2\x85"),
        std::string("/\0", 2), "/" + std::string(256, 'x'), deep,
        "/" + std::string(255, 'x') + std::string(4096, '/')}) {
    SCOPED_TRACE(path.substr(0, 40));
    EXPECT_EQ(Code(tree().CreateFolder("ann", path)), "BADFIELD");
    EXPECT_EQ(Code(tree().CreateFile("ann", path)), "BADFIELD");
    EXPECT_EQ(Code(tree().DeleteFolder("ann", path, true)), "BADFIELD");
    EXPECT_EQ(Code(tree().DeleteFile("ann", path)), "BADFIELD");
    EXPECT_EQ(Code(tree().List("ann", path, "", 10)), "BADFIELD");
    EXPECT_EQ(Code(tree().Move("ann", path, "/b")), "BADFIELD");
    EXPECT_EQ(Code(files().Write("ann", path, 0, Chunk(1))), "BADFIELD");
    EXPECT_EQ(Code(files().Read("ann", path, 0, 1)), "BADFIELD");
    EXPECT_EQ(Code(files().Describe("ann", path)), "BADFIELD");
  }
  EXPECT_OK(tree().CreateFolder("ann", "/Größe 中文 😀"));
  EXPECT_OK(tree().CreateFolder("ann", "/" + std::string(255, 'x')));
}

TEST_F(CatalogTest, FoldersAreMadeListedAndDeleted) {
  ASSERT_OK(tree().CreateFolder("ann", "/a"));
  EXPECT_EQ(Code(tree().CreateFolder("ann", "/a")), "EXISTS");
  EXPECT_EQ(Code(tree().CreateFolder("ann", "/")), "EXISTS");
  EXPECT_EQ(Code(tree().CreateFolder("ann", "/a/b/c")), "NOTFOUND");
  ASSERT_OK(tree().CreateFolder("ann", "/a/b"));
  MakeFile("ann", "/a/f", 7);
  EXPECT_EQ(Code(tree().CreateFolder("ann", "/a/f")), "EXISTS");
  EXPECT_EQ(Code(tree().CreateFolder("ann", "/a/f/g")), "NOTAFOLDER");
  EXPECT_EQ(Code(tree().List("ann", "/a/f", "", 10)), "NOTAFOLDER");
  ASSERT_OK_AND_ASSIGN(const auto rows, tree().List("ann", "/a", "", 10));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].name, "b");
  EXPECT_TRUE(rows[0].is_folder);
  EXPECT_EQ(rows[1].name, "f");
  EXPECT_EQ(rows[1].bytes, 7u);
  EXPECT_EQ(tree().List("ann", "/a", "b", 10)->size(), 1u);
  EXPECT_EQ(tree().List("ann", "/a", "f", 10)->size(), 0u);
  EXPECT_EQ(tree().List("ann", "/a", "", 1)->size(), 1u);
  EXPECT_EQ(Code(tree().DeleteFolder("ann", "/a", false)), "NOTEMPTY");
  EXPECT_EQ(Code(tree().DeleteFile("ann", "/a/b")), "NOTAFILE");
  EXPECT_EQ(Code(tree().DeleteFolder("ann", "/a/f", true)), "NOTAFOLDER");
  EXPECT_EQ(Code(tree().DeleteFolder("ann", "/", true)), "BADFIELD");
  EXPECT_OK(tree().DeleteFolder("ann", "/a/b", false));
  EXPECT_OK(tree().DeleteFile("ann", "/a/f"));
  EXPECT_OK(tree().DeleteFolder("ann", "/a", false));
  EXPECT_EQ(Code(tree().List("ann", "/a", "", 10)), "NOTFOUND");
}

TEST_F(CatalogTest, WhatIsDeletedLeavesNothingBehind) {
  ASSERT_OK(tree().CreateFolder("ann", "/keep"));
  const size_t before = PipelinedStore("c/");
  ASSERT_OK(tree().CreateFolder("ann", "/a"));
  for (int i = 0; i < 30; ++i) {
    ASSERT_OK(tree().CreateFolder("ann", absl::StrCat("/a/", i)));
    for (int j = 0; j < 5; ++j) MakeFile("ann", absl::StrCat("/a/", i, "/", j), 100);
  }
  for (int i = 0; i < 300; ++i) {
    ASSERT_OK(files().Write("ann", "/a/0/0", 100 + i, Chunk(1)));
  }
  for (int i = 0; i < 200; ++i) {
    ASSERT_OK(tree().SetPermissions("ann", "/a/1", absl::StrCat("u", i), Right::kRead));
  }
  ASSERT_OK(tree().DeleteFolder("ann", "/a", true));
  EXPECT_EQ(Code(files().Read("ann", "/a/0/0", 0, 1)), "NOTFOUND");
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(*catalog_->deferred_work().Step());
  Reopen();                                     // As after a crash in the middle.
  ASSERT_OK(tree().CreateFolder("ann", "/a"));  // The name is free already.
  ASSERT_OK(tree().DeleteFolder("ann", "/a", false));
  DoDeferredWork();
  EmptyTrash();
  EXPECT_EQ(PipelinedStore("c/"), before);
  EXPECT_EQ(BytesUsed("ann"), 0u);
  EXPECT_EQ(InodesUsed("ann"), 1u);
}

TEST_F(CatalogTest, MovesKeepWhatIsInside) {
  ASSERT_OK(tree().CreateFolder("ann", "/a"));
  ASSERT_OK(tree().CreateFolder("ann", "/a/b"));
  ASSERT_OK(tree().CreateFolder("ann", "/z"));
  MakeFile("ann", "/a/b/f", 9);
  EXPECT_EQ(Code(tree().Move("ann", "/a", "/a/b/a")), "BADFIELD");
  EXPECT_EQ(Code(tree().Move("ann", "/a", "/a/a")), "BADFIELD");
  EXPECT_EQ(Code(tree().Move("ann", "/a", "/a")), "EXISTS");
  EXPECT_EQ(Code(tree().Move("ann", "/a", "/z")), "EXISTS");
  EXPECT_EQ(Code(tree().Move("ann", "/", "/q")), "BADFIELD");
  EXPECT_EQ(Code(tree().Move("ann", "/nix", "/q")), "NOTFOUND");
  EXPECT_EQ(Code(tree().Move("ann", "/a", "/q/r")), "NOTFOUND");
  EXPECT_EQ(Code(tree().Move("ann", "/a/b/f", "/f")), "DENIED");  // Files in "/" need write there.
  EXPECT_OK(tree().Move("ann", "/a/b", "/z/y"));
  EXPECT_EQ(files().Read("ann", "/z/y/f", 0, 100)->bytes, 9u);
  EXPECT_EQ(Code(files().Read("ann", "/a/b/f", 0, 1)), "NOTFOUND");
  EXPECT_OK(tree().Move("ann", "/z/y", "/top"));
  EXPECT_EQ(Code(tree().List("bob", "/top", "", 10)), "DENIED");  // As private as one made there.
  EXPECT_EQ(tree().List("ann", "/top", "", 10)->size(), 1u);
}

TEST_F(CatalogTest, NothingGetsDeeperThanAPathCanName) {
  std::string path;
  for (int i = 0; i < 63; ++i) {
    path += "/d";
    ASSERT_OK(tree().CreateFolder("ann", path));
  }
  ASSERT_OK(tree().CreateFolder("ann", "/e"));
  ASSERT_OK(tree().CreateFolder("ann", "/e/e"));
  EXPECT_EQ(Code(tree().Move("ann", "/e", path + "/e")), "BADFIELD");
  EXPECT_OK(tree().Move("ann", "/e/e", path + "/e"));
}

TEST_F(CatalogTest, TheNearestEntryDecides) {
  ASSERT_OK(tree().CreateFolder("ann", "/a"));
  ASSERT_OK(tree().CreateFolder("ann", "/a/b"));
  MakeFile("ann", "/a/b/f", 3);
  const auto read = [&](const char* user) { return Code(files().Read(user, "/a/b/f", 0, 1)); };
  const auto write = [&](const char* user) {
    return Code(files().Write(user, "/a/b/f", 0, Chunk(1)));
  };
  EXPECT_EQ(read("bob"), "DENIED");
  ASSERT_OK(tree().SetPermissions("ann", "/a", "*", Right::kRead));
  EXPECT_EQ(read("bob"), "OK");
  EXPECT_EQ(write("bob"), "DENIED");
  ASSERT_OK(tree().SetPermissions("ann", "/a", "bob", Right::kWrite));
  EXPECT_EQ(write("bob"), "OK");
  ASSERT_OK(tree().SetPermissions("ann", "/a/b", "*", Right::kNone));
  EXPECT_EQ(write("bob"), "OK");  // bob's own entry, though further up, wins.
  EXPECT_EQ(read("cid"), "DENIED");
  ASSERT_OK(tree().SetPermissions("ann", "/a/b", "bob", Right::kNone));
  EXPECT_EQ(read("bob"), "DENIED");
  ASSERT_OK(tree().SetPermissions("ann", "/a/b", "bob", std::nullopt));
  EXPECT_EQ(read("bob"), "OK");
  EXPECT_EQ(Code(tree().SetPermissions("bob", "/a/b", "bob", Right::kAdmin)), "DENIED");
  EXPECT_EQ(Code(tree().SetPermissions("ann", "/a/b/f", "bob", Right::kAdmin)), "NOTAFOLDER");
}

TEST_F(CatalogTest, WhatOneMayNotSeeAnswersTheSameWhetherItIsThereOrNot) {
  ASSERT_OK(tree().CreateFolder("ann", "/a"));
  ASSERT_OK(tree().CreateFolder("ann", "/a/b"));
  MakeFile("ann", "/a/f", 3);
  const absl::Status there = files().Read("bob", "/a/f", 0, 1).status();
  for (const char* path : {"/a/f", "/a/b", "/a/nix", "/a/b/nix", "/a/nix/nix", "/a/f/nix"}) {
    SCOPED_TRACE(path);
    EXPECT_EQ(files().Read("bob", path, 0, 1).status(), there);
    EXPECT_EQ(files().Write("bob", path, 0, Chunk(1)).status(), there);
    EXPECT_EQ(files().Truncate("bob", path, 0), there);
    EXPECT_EQ(files().Describe("bob", path).status(), there);
    EXPECT_EQ(tree().List("bob", path, "", 1).status(), there);
    EXPECT_EQ(tree().CreateFolder("bob", path), there);
    EXPECT_EQ(tree().CreateFile("bob", path), there);
    EXPECT_EQ(tree().DeleteFile("bob", path).status(), there);
    EXPECT_EQ(tree().DeleteFolder("bob", path, true).status(), there);
    EXPECT_EQ(tree().Move("bob", path, "/mine"), there);
    EXPECT_EQ(tree().SetPermissions("bob", path, "bob", Right::kAdmin), there);
  }
  EXPECT_EQ(Code(there), "DENIED");
}

TEST_F(CatalogTest, NobodyLocksEverybodyOut) {
  ASSERT_OK(tree().CreateFolder("ann", "/a"));
  EXPECT_EQ(Code(tree().SetPermissions("ann", "/a", "ann", Right::kWrite)), "DENIED");
  EXPECT_EQ(Code(tree().SetPermissions("ann", "/a", "ann", std::nullopt)), "DENIED");
  ASSERT_OK(tree().SetPermissions("ann", "/a", "bob", Right::kAdmin));
  EXPECT_OK(tree().SetPermissions("ann", "/a", "ann", Right::kWrite));
  EXPECT_EQ(Code(tree().SetPermissions("bob", "/a", "bob", Right::kNone)), "DENIED");
  ASSERT_OK(tree().CreateFolder("ann", "/a/mine"));
  EXPECT_OK(tree().SetPermissions("ann", "/a/mine", "ann", std::nullopt));  // bob inherits admin.
}

TEST_F(CatalogTest, AnOperatorsAdminsReachEverything) {
  options_.root_admins = {"root"};
  Reopen();
  ASSERT_OK(tree().CreateFolder("ann", "/a"));
  MakeFile("ann", "/a/f", 3);
  EXPECT_OK(files().Read("root", "/a/f", 0, 3));
  EXPECT_OK(tree().CreateFile("root", "/note"));
  EXPECT_EQ(Code(tree().CreateFile("ann", "/note2")), "DENIED");
  EXPECT_OK(tree().SetPermissions("root", "/", "*", Right::kNone));
  EXPECT_EQ(Code(tree().List("ann", "/", "", 10)), "DENIED");
  EXPECT_EQ(Code(tree().CreateFolder("ann", "/more")), "DENIED");
  EXPECT_OK(files().Read("ann", "/a/f", 0, 3));
}

TEST_F(CatalogTest, WritesGoNoFurtherThanTheEnd) {
  ASSERT_OK(tree().CreateFolder("ann", "/a"));
  MakeFile("ann", "/a/f", 10);
  EXPECT_EQ(Code(files().Write("ann", "/a/f", 11, Chunk(1))), "BADFIELD");
  EXPECT_EQ(Code(files().Write("ann", "/a/f", UINT64_MAX, Chunk(1))), "BADFIELD");
  EXPECT_EQ(Code(files().Write("ann", "/a/f", 11, std::nullopt)), "BADFIELD");
  EXPECT_EQ(*files().Write("ann", "/a/f", 10, std::nullopt), 10u);
  EXPECT_EQ(*files().Write("ann", "/a/f", 10, Chunk(5)), 15u);
  EXPECT_EQ(*files().Write("ann", "/a/f", 2, Chunk(3)), 15u);
  EXPECT_EQ(Code(files().Write("ann", "/a", 0, Chunk(1))), "NOTAFILE");
  EXPECT_EQ(Code(files().AdmitWrite("ann", "/a/f", limits::kChunkBytesMax + 1)), "BADFIELD");
  EXPECT_EQ(Code(files().Read("ann", "/a/f", 16, 1)), "BADFIELD");
  EXPECT_EQ(Code(files().Read("ann", "/a/f", UINT64_MAX, 1)), "BADFIELD");
  EXPECT_EQ(Code(files().Read("ann", "/a/f", 0, limits::kChunkBytesMax + 1)), "BADFIELD");
  EXPECT_EQ(files().Read("ann", "/a/f", 15, 1)->bytes, 0u);
  EXPECT_EQ(files().Read("ann", "/a/f", 14, 100)->bytes, 1u);
  EXPECT_EQ(Code(files().Truncate("ann", "/a/f", 16)), "BADFIELD");
  EXPECT_OK(files().Truncate("ann", "/a/f", 3));
  EXPECT_EQ(files().Read("ann", "/a/f", 0, 100)->bytes, 3u);
}

TEST_F(CatalogTest, AQuotaCountsWhatIsKept) {
  options_.quota_bytes = 3 * ChunkCost(1000);
  options_.quota_inodes = 4;
  Reopen();
  ASSERT_OK(tree().CreateFolder("ann", "/a"));
  MakeFile("ann", "/a/f", 1000);
  ASSERT_OK(files().Write("ann", "/a/f", 1000, Chunk(1000)));
  ASSERT_OK(files().Write("ann", "/a/f", 2000, Chunk(1000)));
  EXPECT_EQ(Code(files().Write("ann", "/a/f", 3000, Chunk(1))), "QUOTA");
  EXPECT_OK(files().Write("ann", "/a/f", 1000, Chunk(1000)));  // It replaces other bytes.
  ASSERT_OK(files().Truncate("ann", "/a/f", 2000));
  EXPECT_OK(files().Write("ann", "/a/f", 2000, Chunk(1000)));
  EXPECT_OK(tree().CreateFile("ann", "/a/g"));
  EXPECT_OK(tree().CreateFile("ann", "/a/h"));
  EXPECT_EQ(Code(tree().CreateFile("ann", "/a/i")), "QUOTA");
  ASSERT_OK(tree().SetPermissions("ann", "/a", "bob", Right::kWrite));
  EXPECT_EQ(Code(files().Write("bob", "/a/f", 3000, Chunk(1))), "QUOTA");  // The owner's quota.
}

TEST_F(CatalogTest, ManySmallPiecesAreOverwrittenInOneCommitAndClearedInSteps) {
  ASSERT_OK(tree().CreateFolder("ann", "/a"));
  MakeFile("ann", "/a/f");
  for (uint64_t i = 0; i < 500; ++i) ASSERT_OK(files().Write("ann", "/a/f", i, Chunk(1)));
  const ChunkRef big = Chunk(300);
  ASSERT_OK(files().Write("ann", "/a/f", 100, big));
  const auto check = [&] {
    ASSERT_OK_AND_ASSIGN(const ReadPlan plan, files().Read("ann", "/a/f", 99, 302));
    ASSERT_EQ(plan.pieces.size(), 3u);
    EXPECT_EQ(plan.pieces[1], (Piece{big, 0, 300}));
    EXPECT_EQ(plan.bytes, 302u);
  };
  check();
  ASSERT_TRUE(*catalog_->deferred_work().Step());
  check();
  Reopen();
  check();
  const ChunkRef last = Chunk(1);
  int calls = 1;  // Each call first clears a part of the rest.
  while (IsCallAgain(files().Write("ann", "/a/f", 500, last).status())) ++calls;
  EXPECT_EQ(calls, 8);
  check();
  EXPECT_FALSE(*catalog_->deferred_work().Step());
  ASSERT_OK(files().Truncate("ann", "/a/f", 1));
  EXPECT_EQ(files().Read("ann", "/a/f", 0, 10)->bytes, 1u);
  ASSERT_OK(tree().DeleteFile("ann", "/a/f"));
  DoDeferredWork();
  EXPECT_EQ(BytesUsed("ann"), 0u);
  EXPECT_EQ(PipelinedStore("c/x"), 0u);
}

TEST_F(CatalogTest, ChunksLiveUntilTheirTrashIsLetGo) {
  const CatalogChunks live(store_);
  ASSERT_OK(tree().CreateFolder("ann", "/a"));
  const ChunkRef first = Chunk(10);
  ASSERT_OK(tree().CreateFile("ann", "/a/f"));
  EXPECT_EQ(*live.AreLive({first}), (std::vector<bool>{false}));
  ASSERT_OK(files().Write("ann", "/a/f", 0, first));
  ASSERT_OK_AND_ASSIGN(const ReadPlan pinned, files().Read("ann", "/a/f", 0, 10));
  ASSERT_OK(files().Write("ann", "/a/f", 2, Chunk(3)));
  EXPECT_EQ(*live.AreLive({first}), (std::vector<bool>{true}));
  ASSERT_OK(files().Write("ann", "/a/f", 0, Chunk(10)));
  EXPECT_EQ(*live.AreLive({first}), (std::vector<bool>{true}));
  EXPECT_TRUE(catalog_->deferred_work().DueTrash(10)->empty());
  EXPECT_EQ(live.ListLive(1, 0, 10)->size(), 3u);
  clock_.Advance(options_.trash_grace + absl::Seconds(1));
  ASSERT_OK_AND_ASSIGN(const auto entries, catalog_->deferred_work().DueTrash(10));
  ASSERT_FALSE(entries.empty());
  for (int time = 0; time < 2; ++time) {
    for (const auto& entry : entries) ASSERT_OK(catalog_->deferred_work().LetGo(entry));
  }
  EXPECT_EQ(*live.AreLive({first}), (std::vector<bool>{false}));
  EXPECT_EQ(catalog_->deferred_work().DueTrash(10)->size(), entries.size())
      << "released, but not forgotten";
  EmptyTrash();
  EXPECT_EQ(*live.AreLive({first}), (std::vector<bool>{false}));
  EXPECT_EQ(live.ListLive(1, 0, 10)->size(), 1u);
  EXPECT_EQ(live.ListLive(2, 0, 10)->size(), 0u);
}

TEST_F(CatalogTest, AMessageReachesAllItsRecipientsOrNone) {
  options_.mailbox_messages_max = 1;
  Reopen();
  ASSERT_OK_AND_ASSIGN(const uint64_t draft, mail().Begin("ann", {"bob", "cid", "bob"}));
  EXPECT_EQ(*mail().Append("ann", draft, Chunk(5)), 5u);
  EXPECT_EQ(*mail().Append("ann", draft, Chunk(6)), 11u);
  EXPECT_EQ(Code(mail().Append("bob", draft, Chunk(6))), "NOTFOUND");
  EXPECT_EQ(Code(mail().Send("bob", draft)), "NOTFOUND");
  EXPECT_EQ(Code(mail().Cancel("bob", draft)), "NOTFOUND");
  EXPECT_TRUE(mail().List("bob", 0, 10)->empty());
  ASSERT_OK_AND_ASSIGN(const auto arrivals, mail().Send("ann", draft));
  EXPECT_EQ(arrivals.size(), 2u);
  EXPECT_EQ(Code(mail().Send("ann", draft)), "NOTFOUND");
  EXPECT_EQ(Code(mail().Append("ann", draft, Chunk(1))), "NOTFOUND");
  ASSERT_OK_AND_ASSIGN(const auto rows, mail().List("bob", 0, 10));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].from, "ann");
  EXPECT_EQ(rows[0].bytes, 11u);
  EXPECT_EQ(mail().Read("bob", rows[0].message, 4, 100)->bytes, 7u);
  EXPECT_EQ(Code(mail().Read("ann", rows[0].message, 0, 1)), "NOTFOUND");
  EXPECT_EQ(Code(mail().Read("bob", rows[0].message, 12, 1)), "BADFIELD");
  EXPECT_EQ(Code(mail().Delete("ann", rows[0].message)), "NOTFOUND");
  ASSERT_OK(mail().Delete("bob", rows[0].message));
  EXPECT_EQ(mail().Read("cid", rows[0].message, 0, 100)->bytes, 11u);

  ASSERT_OK_AND_ASSIGN(const uint64_t second, mail().Begin("ann", {"bob", "cid"}));
  EXPECT_EQ(Code(mail().Send("ann", second)), "QUOTA");  // cid's is full, so bob gets none either.
  EXPECT_TRUE(mail().List("bob", 0, 10)->empty());
  ASSERT_OK(mail().Delete("cid", rows[0].message));
  EXPECT_OK(mail().Send("ann", second));
  DoDeferredWork();
  EXPECT_EQ(PipelinedStore("c/x"), 0u);
}

TEST_F(CatalogTest, OneSenderFillsATenthOfAMailboxOrAQuarterOfItsBytes) {
  options_.mailbox_messages_max = 20;
  options_.mailbox_bytes_max = 400;
  Reopen();
  const auto send = [&](const std::string& from, const std::string& to, uint32_t bytes) {
    const uint64_t draft = *mail().Begin(from, {to});
    EXPECT_OK(mail().Append(from, draft, Chunk(bytes)));
    const std::string code = Code(mail().Send(from, draft));
    if (code != "OK") EXPECT_OK(mail().Cancel(from, draft));
    return code;
  };
  EXPECT_EQ(send("ann", "bob", 1), "OK");
  EXPECT_EQ(send("ann", "bob", 1), "OK");
  EXPECT_EQ(send("ann", "bob", 1), "QUOTA");  // A tenth is two messages.
  EXPECT_EQ(send("ann", "cid", 1), "OK");
  EXPECT_EQ(send("dan", "bob", 60), "OK");
  EXPECT_EQ(send("dan", "bob", 41), "QUOTA");  // A quarter is 100 bytes.
  EXPECT_EQ(send("dan", "bob", 40), "OK");
  EXPECT_EQ(send("eve", "bob", 150), "OK");  // One message is always possible.
  EXPECT_EQ(send("eve", "bob", 1), "QUOTA");
  Reopen();
  EXPECT_EQ(send("ann", "bob", 1), "QUOTA");
  ASSERT_OK(mail().Delete("bob", mail().List("bob", 0, 1)->front().message));
  EXPECT_EQ(send("ann", "bob", 1), "OK");
  for (const std::string user : {"bob", "cid"}) {
    const auto rows = *mail().List(user, 0, 100);
    for (const MailRow& row : rows) ASSERT_OK(mail().Delete(user, row.message));
  }
  EXPECT_EQ(PipelinedStore("c/s"), 0u);
}

TEST_F(CatalogTest, MessagesOfBeforeAreInNobodysShare) {
  options_.mailbox_messages_max = 20;
  Reopen();
  const auto send = [&] { return Code(mail().Send("ann", *mail().Begin("ann", {"bob"}))); };
  EXPECT_EQ(send(), "OK");
  const uint64_t old = mail().List("bob", 0, 1)->front().message;
  {
    datamgr::PipelinedStore rows(store_);
    Transaction edit(rows);
    auto row = *edit.Get<records::Mail>(keys::Mail("bob", old));
    row->clear_in_share();
    edit.Put(keys::Mail("bob", old), *row);
    edit.Delete(keys::MailShare("bob", "ann"));
    ASSERT_OK(edit.Commit());
  }
  EXPECT_EQ(send(), "OK");
  ASSERT_OK(mail().Delete("bob", old));
  EXPECT_EQ(send(), "OK");
  EXPECT_EQ(send(), "QUOTA");
}

TEST_F(CatalogTest, AUserSendsSoManyMessagesAMinute) {
  options_.sends_per_minute = 3;
  Reopen();
  const auto send = [&](const std::string& from) {
    return Code(mail().Send(from, *mail().Begin(from, {"bob"})));
  };
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(send("ann"), "OK");
    clock_.Advance(absl::Seconds(10));
  }
  EXPECT_EQ(send("ann"), "RATE");
  EXPECT_EQ(send("dan"), "OK");
  clock_.Advance(absl::Seconds(29));
  EXPECT_EQ(send("ann"), "RATE");
  clock_.Advance(absl::Seconds(1));  // The first one is a minute old.
  EXPECT_EQ(send("ann"), "OK");
  EXPECT_EQ(send("ann"), "RATE");
}

TEST_F(CatalogTest, DraftsAreBoundedAndEnd) {
  options_.message_bytes_max = 100;
  Reopen();
  EXPECT_EQ(Code(mail().Begin("ann", {})), "BADFIELD");
  EXPECT_EQ(Code(mail().Begin("ann", std::vector<std::string>(1, ""))), "OK");
  std::vector<std::string> crowd;
  for (int i = 0; i <= kRecipientsMax; ++i) crowd.push_back(absl::StrCat("u", i));
  EXPECT_EQ(Code(mail().Begin("ann", crowd)), "BADFIELD");
  crowd.pop_back();
  ASSERT_OK_AND_ASSIGN(const uint64_t wide, mail().Begin("ann", crowd));
  EXPECT_OK(mail().Send("ann", wide));
  ASSERT_OK_AND_ASSIGN(const uint64_t draft, mail().Begin("ann", {"bob"}));
  EXPECT_EQ(Code(mail().AdmitAppend("ann", draft, 101)), "QUOTA");
  EXPECT_EQ(Code(mail().Append("ann", draft, Chunk(101))), "QUOTA");
  for (uint32_t i = 2; i < kDraftsMax; ++i) ASSERT_OK(mail().Begin("ann", {"bob"}));
  EXPECT_EQ(Code(mail().Begin("ann", {"bob"})), "QUOTA");
  ASSERT_OK(mail().Cancel("ann", draft));
  EXPECT_EQ(Code(mail().Cancel("ann", draft)), "NOTFOUND");
  ASSERT_OK_AND_ASSIGN(const uint64_t old, mail().Begin("ann", {"bob"}));
  ASSERT_OK(mail().Append("ann", old, Chunk(10)));
  EXPECT_FALSE(*mail().ExpireOne());
  clock_.Advance(absl::Hours(24));
  EXPECT_EQ(Code(mail().Send("ann", old)), "NOTFOUND");
  while (*mail().ExpireOne()) {
  }
  DoDeferredWork();
  EXPECT_EQ(PipelinedStore("c/r"), 0u);
  EXPECT_EQ(PipelinedStore("c/x"), 0u);
  EXPECT_OK(mail().Begin("ann", {"bob"}));
}

TEST_F(CatalogTest, MetadataIsItsOwners) {
  Metadata& metadata = catalog_->metadata();
  EXPECT_EQ(Code(metadata.Get("ann", "colour")), "NOTFOUND");
  ASSERT_OK(metadata.Set("ann", "colour", std::string("b\0ue\n", 5)));
  ASSERT_OK(metadata.Set("ann", "colour", "red"));
  EXPECT_EQ(*metadata.Get("ann", "colour"), "red");
  EXPECT_EQ(Code(metadata.Get("ann2", "colour")), "NOTFOUND");
  for (const std::string& key : {std::string(), std::string("a\tb"), std::string(129, 'k')}) {
    EXPECT_EQ(Code(metadata.Set("ann", key, "v")), "BADFIELD");
    EXPECT_EQ(Code(metadata.Get("ann", key)), "BADFIELD");
    EXPECT_EQ(Code(metadata.Delete("ann", key)), "BADFIELD");
  }
  EXPECT_EQ(Code(metadata.Set("ann", "k", std::string(32 * 1024 + 1, 'v'))), "BADFIELD");
  EXPECT_OK(metadata.Set("ann", "k", std::string(32 * 1024, 'v')));
  EXPECT_EQ(metadata.List("ann")->size(), 2u);
  for (uint32_t i = 2; i < kMetadataKeysMax; ++i) {
    ASSERT_OK(metadata.Set("ann", absl::StrCat("k", i), ""));
  }
  EXPECT_EQ(Code(metadata.Set("ann", "one more", "")), "QUOTA");
  ASSERT_OK(metadata.Delete("ann", "k"));
  EXPECT_EQ(Code(metadata.Delete("ann", "k")), "NOTFOUND");
  EXPECT_OK(metadata.Set("ann", "one more", ""));
}

// Trash written while the clock runs behind is found too, only later.
TEST_F(CatalogTest, TrashThatAClockPutBeforeOthersIsFoundToo) {
  ASSERT_OK(tree().CreateFolder("ann", "/a"));
  MakeFile("ann", "/a/f", 10);
  MakeFile("ann", "/a/g", 10);
  ASSERT_OK(tree().DeleteFile("ann", "/a/f"));
  DoDeferredWork();
  clock_.Advance(options_.trash_grace + absl::Seconds(1));
  const auto first = catalog_->deferred_work().DueTrash(100);
  ASSERT_OK(first);
  ASSERT_EQ(first->size(), 1u);
  ASSERT_OK(catalog_->deferred_work().Forget(first->front()));
  clock_.Advance(-absl::Hours(1));
  ASSERT_OK(tree().DeleteFile("ann", "/a/g"));
  DoDeferredWork();
  clock_.Advance(absl::Hours(1));
  size_t found = 0;
  for (int look = 0; look < 2'000 && found == 0; ++look) {
    found = catalog_->deferred_work().DueTrash(100)->size();
  }
  EXPECT_EQ(found, 1u);
}

TEST_F(CatalogTest, AWideAndDeepFolderIsTakenApartToTheLastRow) {
  ASSERT_OK(tree().CreateFolder("ann", "/a"));
  for (int i = 0; i < 300; ++i) MakeFile("ann", absl::StrCat("/a/", i), 1);
  std::string path = "/a";
  for (int depth = 0; depth < 5; ++depth) {
    path += "/x";
    ASSERT_OK(tree().CreateFolder("ann", path));
    for (int i = 0; i < 20; ++i) MakeFile("ann", absl::StrCat(path, "/", i), 1);
  }
  ASSERT_OK(tree().DeleteFolder("ann", "/a", true));
  DoDeferredWork();
  EXPECT_EQ(InodesUsed("ann"), 0u);
  EXPECT_EQ(BytesUsed("ann"), 0u);
  EXPECT_EQ(PipelinedStore("c/d"), 0u);
  EmptyTrash();
  EXPECT_EQ(PipelinedStore("c/c") + PipelinedStore("c/t"), 0u);
}

}  // namespace
}  // namespace convergia::datamgr
