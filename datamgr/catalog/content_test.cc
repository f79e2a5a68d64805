// Tests of what the catalog reports about the content of files: versions and hashes. Also of files
// that replace others, and of parts.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/hash/tree_hash.h"
#include "common/base/testing/status_testing.h"
#include "common/store/testing/mem_store.h"
#include "datamgr/catalog/catalog.h"
#include "datamgr/catalog/transactions/keys.h"

namespace convergia::datamgr {
namespace {

constexpr uint64_t kLeaf = 16;

template <typename T>
std::string Code(const T& result) {
  const absl::Status& status = testing_internal::AsStatus(result);
  return status.ok() ? "OK" : std::string(FailCodeWord(FailCodeOf(status)));
}

std::string HashOf(absl::string_view content) {
  TreeHash hash(content.size());
  for (size_t at = 0; at < content.size(); at += kLeaf) {
    hash.AddLeaf(LeafHash(content.substr(at, kLeaf)));
  }
  return hash.Finish();
}

class ContentTest : public testing::Test {
 protected:
  ContentTest() {
    options_.hash_leaf_bytes = kLeaf;
    Reopen();
    EXPECT_OK(tree().CreateFolder("ann", "/a"));
  }
  void Reopen() {
    catalog_.reset();
    catalog_ = *Catalog::Open(store_, clock_, options_);
  }
  Tree& tree() { return catalog_->tree(); }
  Files& files() { return catalog_->files(); }

  absl::StatusOr<uint64_t> Write(const std::string& path, uint64_t offset, const std::string& bytes,
                                 bool hashed = true) {
    const ChunkRef chunk{1, ++chunks_, static_cast<uint32_t>(bytes.size())};
    bytes_[chunk] = bytes;
    return files().Write("ann", path, offset, chunk,
                         hashed ? HashForWrite(offset, bytes, kLeaf) : "");
  }
  void Make(const std::string& path, const std::string& bytes) {
    ASSERT_OK(tree().CreateFile("ann", path));
    if (!bytes.empty()) ASSERT_OK(Write(path, 0, bytes));
  }
  std::string Content(const std::string& path) {
    std::string all;
    const uint64_t size = Facts(path).bytes;
    while (all.size() < size) {
      const auto read = files().Read("ann", path, all.size(), 1000);
      if (!read.ok()) return all;
      for (const Piece& piece : read->pieces) {
        all += bytes_.at(piece.chunk).substr(piece.offset, piece.length);
      }
    }
    return all;
  }
  FileFacts Facts(const std::string& path, const std::string& user = "ann") {
    auto facts = files().Describe(user, path);
    EXPECT_OK(facts);
    return facts.ok() ? *facts : FileFacts();
  }
  // Computes all requested hashes, as the scheduler does.
  void FindHashes() {
    HashWork& work = catalog_->hash_work();
    while (!work.IsIdle()) {
      ASSERT_OK_AND_ASSIGN(const auto leaf, work.Next());
      if (!leaf.has_value()) continue;
      std::string bytes;
      while (bytes.size() < leaf->end - leaf->begin) {
        ASSERT_OK_AND_ASSIGN(const auto pieces, work.Pieces(*leaf, leaf->begin + bytes.size()));
        ASSERT_TRUE(pieces.has_value());
        for (const Piece& piece : *pieces) {
          bytes += bytes_.at(piece.chunk).substr(piece.offset, piece.length);
        }
      }
      ASSERT_OK(work.Put(*leaf, LeafHash(bytes)));
    }
  }
  // Joins all requested pieces, as the scheduler does.
  void JoinPieces() {
    JoinWork& work = catalog_->join_work();
    while (!work.IsIdle()) {
      ASSERT_OK_AND_ASSIGN(const auto run, work.Next());
      if (!run.has_value()) continue;
      std::string bytes;
      for (const Piece& piece : run->pieces) {
        bytes += bytes_.at(piece.chunk).substr(piece.offset, piece.length);
      }
      const ChunkRef chunk{1, ++chunks_, static_cast<uint32_t>(bytes.size())};
      bytes_[chunk] = bytes;
      ASSERT_TRUE(*work.Put(*run, chunk));
    }
    DoDeferredWork();
  }
  void DoDeferredWork() {
    while (*catalog_->deferred_work().Step()) {
    }
  }
  records::Usage UsageOf(const std::string& user) {
    PipelinedStore rows(store_);
    Transaction edit(rows);
    return *edit.GetOrEmpty<records::Usage>(keys::Usage(user));
  }
  size_t Rows(const std::string& prefix) {
    size_t rows = 0;
    EXPECT_OK(store_.ForEach(prefix, [&](const store::KeyValue&) {
      ++rows;
      return absl::OkStatus();
    }));
    return rows;
  }

  CatalogOptions options_;
  FakeClock clock_;
  store::MemStore store_;
  std::unique_ptr<Catalog> catalog_;
  std::map<ChunkRef, std::string> bytes_;
  uint64_t chunks_ = 0;
};

TEST_F(ContentTest, AReplacingMoveIsOfAFileOntoAFileOrAFreeName) {
  ASSERT_OK(tree().CreateFolder("ann", "/a/d"));
  ASSERT_OK(tree().CreateFolder("ann", "/locked"));
  ASSERT_OK(tree().SetPermissions("ann", "/locked", "bob", Right::kRead));
  ASSERT_OK(tree().SetPermissions("ann", "/a", "bob", Right::kWrite));
  Make("/a/f", "new");
  Make("/a/g", "old");
  Make("/locked/f", "kept");
  const struct {
    const char* user;
    const char* from;
    const char* to;
    const char* code;
  } kCases[] = {
      {"ann", "/a/d", "/a/g", "NOTAFILE"},     {"ann", "/a/d", "/a/free", "NOTAFILE"},
      {"ann", "/a/f", "/a/d", "NOTAFILE"},     {"ann", "/a/f", "/a", "NOTAFILE"},
      {"ann", "/a/f", "/", "BADFIELD"},        {"ann", "/", "/a/f", "BADFIELD"},
      {"ann", "/a/no", "/a/g", "NOTFOUND"},    {"ann", "/a/f", "/a/no/g", "NOTFOUND"},
      {"ann", "/a/f", "/a/g/h", "NOTAFOLDER"}, {"bob", "/a/f", "/locked/f", "DENIED"},
      {"bob", "/locked/f", "/a/g", "DENIED"},  {"cid", "/a/f", "/a/g", "DENIED"},
      {"ann", "/a/f", "/a/f", "OK"},           {"bob", "/a/f", "/a/g", "OK"},
      {"ann", "/a/g", "/a/free", "OK"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(Code(tree().Move(c.user, c.from, c.to, true)), c.code) << c.from << " " << c.to;
  }
  EXPECT_EQ(Content("/a/free"), "new");
  EXPECT_EQ(Content("/locked/f"), "kept");
  EXPECT_EQ(Code(tree().Move("ann", "/locked/f", "/a/free")), "EXISTS");
  EXPECT_EQ(tree().List("ann", "/a", "", 10)->size(), 2u);
}

TEST_F(ContentTest, WhatIsReplacedGoesAndTheMovedFileKeepsItsOwner) {
  ASSERT_OK(tree().SetPermissions("ann", "/a", "bob", Right::kWrite));
  Make("/a/old", std::string(1000, 'o'));
  ASSERT_OK(tree().CreateFile("bob", "/a/new"));
  ASSERT_OK(Write("/a/new", 0, "new"));
  const uint64_t id = Facts("/a/new").id;
  ASSERT_OK(tree().Move("ann", "/a/new", "/a/old", true));
  EXPECT_EQ(Facts("/a/old").owner, "bob");
  EXPECT_EQ(Facts("/a/old").id, id);
  Reopen();  // As after a crash before its content is deleted.
  DoDeferredWork();
  EXPECT_EQ(UsageOf("ann").bytes(), 0u);
  EXPECT_EQ(UsageOf("ann").inodes(), 1u);
  EXPECT_EQ(UsageOf("bob").bytes(), ChunkCost(3));
  EXPECT_EQ(Rows("c/t"), 1u);
  EXPECT_EQ(Content("/a/old"), "new");
}

TEST_F(ContentTest, AVersionIsOfOneContentOnly) {
  std::set<uint64_t> seen;
  Make("/a/f", "");
  const auto is_new = [&](const std::string& path) {
    return seen.insert(Facts(path).version).second;
  };
  EXPECT_TRUE(is_new("/a/f"));
  ASSERT_OK(Write("/a/f", 0, "hello"));
  EXPECT_TRUE(is_new("/a/f"));
  const uint64_t version = Facts("/a/f").version;
  EXPECT_OK(files().Read("ann", "/a/f", 0, 5, version));
  ASSERT_OK(files().Write("ann", "/a/f", 5, std::nullopt));
  ASSERT_OK(files().Truncate("ann", "/a/f", 5));
  ASSERT_OK(tree().Move("ann", "/a/f", "/a/g"));
  EXPECT_OK(files().Read("ann", "/a/g", 0, 5, version));  // The content has not changed.
  ASSERT_OK(files().Truncate("ann", "/a/g", 4));
  EXPECT_TRUE(is_new("/a/g"));
  EXPECT_EQ(Code(files().Read("ann", "/a/g", 0, 4, version)), "NOTFOUND");
  EXPECT_EQ(Code(files().Read("ann", "/a/g", 9, 4, version)), "NOTFOUND") << "before BADFIELD";
  Make("/a/h", "else");
  EXPECT_TRUE(is_new("/a/h"));
  const uint64_t before = Facts("/a/g").version;
  ASSERT_OK(tree().Move("ann", "/a/h", "/a/g", true));
  EXPECT_EQ(Code(files().Read("ann", "/a/g", 0, 4, before)), "NOTFOUND");
  Reopen();
  ASSERT_OK(Write("/a/g", 0, "E"));
  EXPECT_TRUE(is_new("/a/g"));
}

TEST_F(ContentTest, AHashIsKnownAfterWritesOfWholeLeavesAndOnlyThen) {
  const std::string leaf(kLeaf, 'x');
  Make("/a/f", "");
  EXPECT_EQ(Facts("/a/f").hash, HashOf(""));
  std::string content;
  const auto write = [&](uint64_t offset, const std::string& bytes, bool known) {
    SCOPED_TRACE(absl::StrCat(content.size(), " bytes, ", bytes.size(), " at ", offset));
    if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
    content.replace(offset, bytes.size(), bytes);
    ASSERT_OK(Write("/a/f", offset, bytes));
    EXPECT_EQ(Facts("/a/f").hash, known ? HashOf(content) : "");
  };
  write(0, "short", true);
  write(5, "er", false);
  write(0, "shortest", true);  // All of a short last leaf.
  write(0, leaf, true);
  write(kLeaf, leaf, true);
  write(2 * kLeaf, "end", true);
  write(3, "y", false);
  write(0, leaf, true);
  write(kLeaf / 2, leaf, false);  // A part of each of two leaves.
  write(0, leaf, false);
  write(kLeaf, leaf, true);
  write(2 * kLeaf + 3, "!", false);
  write(2 * kLeaf - 2, "abcdef", false);  // All of the last leaf, and a part of another.
  write(kLeaf, leaf, true);
  ASSERT_OK(files().Truncate("ann", "/a/f", 2 * kLeaf));
  content.resize(2 * kLeaf);
  EXPECT_EQ(Facts("/a/f").hash, HashOf(content));
  ASSERT_OK(files().Truncate("ann", "/a/f", kLeaf + 1));
  EXPECT_EQ(Facts("/a/f").hash, "");
  content.resize(kLeaf + 1);
  write(kLeaf + 1, leaf, false);  // The leaf behind the cut end starts from nothing.
  ASSERT_OK(tree().Move("ann", "/a/f", "/a/g"));
  FindHashes();
  EXPECT_EQ(Facts("/a/g").hash, HashOf(content));
}

TEST_F(ContentTest, AHashThatIsNotKnownIsFoundOutOnceSomebodyAsks) {
  Make("/a/f", "");
  std::string content;
  for (int i = 0; i < 300; ++i) {  // Many pieces in one leaf.
    ASSERT_OK(Write("/a/f", i / 20, std::string(1, static_cast<char>('a' + i % 26)), false));
  }
  EXPECT_TRUE(catalog_->hash_work().IsIdle()) << "nobody asked";
  content = Content("/a/f");
  EXPECT_EQ(Facts("/a/f").hash, "");
  FindHashes();
  EXPECT_EQ(Facts("/a/f").hash, HashOf(content));
  Reopen();
  EXPECT_EQ(Facts("/a/f").hash, HashOf(content));
}

TEST_F(ContentTest, AFileThatChangesWhileItIsHashedIsGivenUp) {
  Make("/a/f", "");
  ASSERT_OK(Write("/a/f", 0, std::string(3 * kLeaf, 'x'), false));
  EXPECT_EQ(Facts("/a/f").hash, "");
  HashWork& work = catalog_->hash_work();
  ASSERT_OK_AND_ASSIGN(const auto leaf, work.Next());
  ASSERT_TRUE(leaf.has_value());
  ASSERT_OK(Write("/a/f", 1, "y", false));
  ASSERT_OK_AND_ASSIGN(const auto pieces, work.Pieces(*leaf, leaf->begin));
  EXPECT_FALSE(pieces.has_value());
  ASSERT_OK(work.Put(*leaf, LeafHash(std::string(kLeaf, 'x'))));  // The hash of the old content.
  FindHashes();
  EXPECT_EQ(Facts("/a/f").hash, "");
  FindHashes();
  EXPECT_EQ(Facts("/a/f").hash, HashOf("xy" + std::string(3 * kLeaf - 2, 'x')));
  ASSERT_OK(Write("/a/f", 1, "z", false));
  EXPECT_EQ(Facts("/a/f").hash, "");
  ASSERT_OK(tree().DeleteFile("ann", "/a/f"));
  DoDeferredWork();
  FindHashes();  // The file is gone.
  EXPECT_EQ(Rows("c/h"), 0u);
}

TEST_F(ContentTest, TheHashOfALargeFileIsKeptAndLeavesNothingBehind) {
  const size_t before = Rows("c/");
  const uint64_t leaves = kLeavesAtOnceMax + 10;
  std::string content;
  Make("/a/f", "");
  for (uint64_t i = 0; i < leaves; ++i) {
    const std::string leaf(kLeaf, static_cast<char>('a' + i % 26));
    ASSERT_OK(Write("/a/f", i * kLeaf, leaf));
    content += leaf;
  }
  EXPECT_EQ(Facts("/a/f").hash, "");
  FindHashes();
  EXPECT_EQ(Facts("/a/f").hash, HashOf(content));
  ASSERT_OK(Write("/a/f", 5, "!"));
  EXPECT_EQ(Facts("/a/f").hash, "");
  FindHashes();
  content[5] = '!';
  EXPECT_EQ(Facts("/a/f").hash, HashOf(content));
  ASSERT_OK(tree().DeleteFile("ann", "/a/f"));
  DoDeferredWork();
  clock_.Advance(options_.trash_grace + absl::Seconds(1));
  while (true) {
    ASSERT_OK_AND_ASSIGN(const auto entries, catalog_->deferred_work().DueTrash(100));
    if (entries.empty()) break;
    for (const auto& entry : entries) ASSERT_OK(catalog_->deferred_work().Forget(entry));
  }
  EXPECT_EQ(Rows("c/"), before);
}

TEST_F(ContentTest, APartIsOneUntilItIsMoved) {
  ASSERT_OK(tree().CreateFile("ann", "/a/p", /*part=*/true));
  ASSERT_OK(Write("/a/p", 0, "half"));
  EXPECT_TRUE(Facts("/a/p").is_part);
  EXPECT_TRUE(tree().List("ann", "/a", "", 10)->at(0).is_part);
  ASSERT_OK(tree().Move("ann", "/a/p", "/a/f"));
  EXPECT_FALSE(Facts("/a/f").is_part);
  EXPECT_FALSE(tree().List("ann", "/a", "", 10)->at(0).is_part);
  EXPECT_EQ(Rows("c/o"), 0u);
  ASSERT_OK(tree().CreateFile("ann", "/a/q", /*part=*/true));
  ASSERT_OK(tree().Move("ann", "/a/q", "/a/f", true));
  EXPECT_FALSE(Facts("/a/f").is_part);
  EXPECT_EQ(Facts("/a/f").bytes, 0u);
  EXPECT_EQ(Rows("c/o"), 0u);
}

TEST_F(ContentTest, AFolderWithPartsOnlyIsEmpty) {
  ASSERT_OK(tree().CreateFolder("ann", "/a/d"));
  ASSERT_OK(tree().CreateFile("ann", "/a/d/1", true));
  ASSERT_OK(tree().CreateFile("ann", "/a/d/2"));
  EXPECT_EQ(Code(tree().DeleteFolder("ann", "/a/d", false)), "NOTEMPTY");
  ASSERT_OK(tree().DeleteFile("ann", "/a/d/2"));
  EXPECT_OK(tree().DeleteFolder("ann", "/a/d", false));
  DoDeferredWork();
  EXPECT_EQ(UsageOf("ann").inodes(), 1u);
  EXPECT_EQ(Rows("c/o"), 0u);
}

TEST_F(ContentTest, PartsThatNobodyGoesOnWithAreDeletedAfterAWeek) {
  ASSERT_OK(tree().CreateFile("ann", "/a/left", true));
  ASSERT_OK(tree().CreateFile("ann", "/a/touched", true));
  ASSERT_OK(tree().CreateFile("ann", "/a/moved", true));
  ASSERT_OK(tree().CreateFile("ann", "/a/gone", true));
  ASSERT_OK(tree().CreateFile("ann", "/a/file"));
  ASSERT_OK(tree().Move("ann", "/a/moved", "/a/whole"));
  ASSERT_OK(tree().DeleteFile("ann", "/a/gone"));  // Its content still exists when it is due.
  clock_.Advance(absl::Hours(24));
  ASSERT_OK(Write("/a/touched", 0, "more"));
  const auto expire = [&] {
    while (*catalog_->deferred_work().ExpirePart()) {
    }
    std::string names;
    const auto rows = tree().List("ann", "/a", "", 10);
    if (!rows.ok()) return rows.status().ToString();
    for (const FolderRow& row : *rows) names += row.name + " ";
    return names;
  };
  clock_.Advance(limits::kPartLifetime - absl::Hours(25));
  EXPECT_EQ(expire(), "file left touched whole ");
  clock_.Advance(absl::Hours(2));
  EXPECT_EQ(expire(), "file touched whole ");
  EXPECT_TRUE(Facts("/a/touched").is_part);
  Reopen();
  clock_.Advance(absl::Hours(24));
  EXPECT_EQ(expire(), "file whole ");
  DoDeferredWork();
  EXPECT_EQ(UsageOf("ann").inodes(), 3u);
  EXPECT_EQ(UsageOf("ann").bytes(), 0u);
  EXPECT_EQ(Rows("c/o"), 0u);
}

TEST_F(ContentTest, WhatWasStoredBeforeHasAVersionAndGetsAHash) {
  Make("/a/f", "older");
  const uint64_t id = Facts("/a/f").id;
  {
    PipelinedStore rows(store_);  // As written before versions and hashes were kept.
    Transaction edit(rows);
    auto inode = **edit.Get<records::Inode>(keys::Inode(id));
    inode.clear_version();
    edit.Put(keys::Inode(id), inode);
    edit.Delete(keys::LeafHash(id, 0));
    ASSERT_OK(edit.Commit());
    rows.Flush();
  }
  Reopen();
  EXPECT_EQ(Facts("/a/f").version, id);
  EXPECT_OK(files().Read("ann", "/a/f", 0, 5, id));
  EXPECT_FALSE(Facts("/a/f").is_part);
  FindHashes();
  EXPECT_EQ(Facts("/a/f").hash, HashOf("older"));
}

TEST_F(ContentTest, AnEntryFromAboveThatDecidesIsShown) {
  ASSERT_OK(tree().CreateFolder("ann", "/a/b"));
  ASSERT_OK(tree().CreateFolder("ann", "/a/b/c"));
  Make("/a/b/c/f", "x");
  ASSERT_OK(tree().SetPermissions("ann", "/a", "*", Right::kRead));
  const auto shown = [&](const std::string& path, const std::string& user) {
    const auto inherited = Facts(path, user).inherited;
    if (!inherited.has_value()) return std::string("-");
    return absl::StrCat(inherited->who, " ", RightWord(inherited->right), " ", inherited->folder);
  };
  EXPECT_EQ(shown("/a/b/c/f", "bob"), "* read /a");
  EXPECT_EQ(shown("/a", "bob"), "-") << "it is the folder's own";
  ASSERT_OK(tree().SetPermissions("ann", "/a/b", "bob", Right::kWrite));
  EXPECT_EQ(shown("/a/b/c", "bob"), "bob write /a/b");
  EXPECT_EQ(shown("/a/b/c", "ann"), "-");
  ASSERT_OK(tree().SetPermissions("ann", "/a/b/c", "*", Right::kNone));
  EXPECT_EQ(shown("/a/b/c/f", "bob"), "bob write /a/b");
  EXPECT_EQ(shown("/", "bob"), "-");
}

TEST_F(ContentTest, TinyPiecesAreJoinedAndTheContentStays) {
  Make("/a/f", "start");
  std::string content = "start";
  for (int i = 0; i < 700; ++i) {
    const std::string byte(1, static_cast<char>('a' + i % 26));
    ASSERT_OK(Write("/a/f", content.size(), byte));
    content += byte;
  }
  const FileFacts before = Facts("/a/f");
  FindHashes();
  JoinPieces();
  EXPECT_EQ(Content("/a/f"), content);
  EXPECT_LE(Rows("c/x"), kJoinedPiecesMin + 2);
  const FileFacts after = Facts("/a/f");
  EXPECT_EQ(after.version, before.version);
  EXPECT_EQ(after.modified_ms, before.modified_ms);
  EXPECT_EQ(after.hash, HashOf(content));
  EXPECT_LT(UsageOf("ann").bytes(), 20 * 1'024u);
}

TEST_F(ContentTest, AFileThatChangesWhileItsPiecesAreJoinedKeepsTheChange) {
  Make("/a/f", "0");
  for (uint64_t i = 1; i < 100; ++i) ASSERT_OK(Write("/a/f", i, "0"));
  ASSERT_OK_AND_ASSIGN(const auto run, catalog_->join_work().Next());
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->path, "/a");
  ASSERT_OK(Write("/a/f", 50, "1"));
  const ChunkRef chunk{1, ++chunks_, static_cast<uint32_t>(run->end - run->begin)};
  EXPECT_FALSE(*catalog_->join_work().Put(*run, chunk));
  EXPECT_EQ(Content("/a/f"), std::string(50, '0') + "1" + std::string(49, '0'));
  ASSERT_OK(tree().DeleteFile("ann", "/a/f"));
  DoDeferredWork();
  EXPECT_FALSE(*catalog_->join_work().Put(*run, chunk));
  EXPECT_FALSE(catalog_->join_work().Next()->has_value());
}

TEST_F(ContentTest, PiecesThatAreLargeOrFewAreNotJoined) {
  Make("/a/few", "");
  for (uint64_t i = 0; i < kJoinedPiecesMin - 1; ++i) ASSERT_OK(Write("/a/few", i, "0"));
  catalog_->join_work().Want(Facts("/a/few").id, 0);
  EXPECT_FALSE(catalog_->join_work().Next()->has_value());
  for (uint64_t i = 0; i < 100; ++i) {
    catalog_->join_work().OnWrite(7, i * kTinyPieceBytes, kTinyPieceBytes);
  }
  EXPECT_TRUE(catalog_->join_work().IsIdle());
}

}  // namespace
}  // namespace convergia::datamgr
