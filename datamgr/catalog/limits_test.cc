// Tests of the rule for new names, and of the limit on one user's folders in "/".
#include <gtest/gtest.h>

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

template <typename T>
std::string Code(const T& result) {
  const absl::Status& status = testing_internal::AsStatus(result);
  return status.ok() ? "OK" : std::string(FailCodeWord(FailCodeOf(status)));
}

class LimitsTest : public testing::Test {
 protected:
  LimitsTest() {
    options_.root_folders_max = 3;
    Reopen();
  }
  void Reopen() {
    catalog_.reset();
    catalog_ = *Catalog::Open(store_, clock_, options_);
  }
  Tree& tree() { return catalog_->tree(); }
  std::string Make(const std::string& user, const std::string& path) {
    return Code(tree().CreateFolder(user, path));
  }
  uint64_t RootFoldersOf(const std::string& user) {
    PipelinedStore rows(store_);
    Transaction look(rows);
    return look.GetOrEmpty<records::Usage>(keys::Usage(user))->root_folders();
  }
  // Moves the row at `key` to `to`, to make a name that is older than the rule.
  void Rewrite(const std::string& key, const std::string& to) {
    PipelinedStore rows(store_);
    Transaction edit(rows);
    edit.PutText(to, **edit.GetText(key));
    edit.Delete(key);
    ASSERT_OK(edit.Commit());
  }

  CatalogOptions options_;
  FakeClock clock_;
  store::MemStore store_;
  std::unique_ptr<Catalog> catalog_;
};

TEST_F(LimitsTest, AUserHasSoManyFoldersInTheRoot) {
  for (const char* path : {"/a", "/b", "/c"}) EXPECT_EQ(Make("ann", path), "OK");
  EXPECT_EQ(Make("ann", "/d"), "QUOTA");
  EXPECT_EQ(Make("bob", "/d"), "OK");
  EXPECT_EQ(Make("ann", "/a/x"), "OK");  // There is no such limit elsewhere.
  EXPECT_EQ(Code(tree().Move("ann", "/a/x", "/x")), "QUOTA");
  EXPECT_OK(tree().Move("ann", "/a", "/aa"));  // Only a new name.
  EXPECT_OK(tree().Move("ann", "/b", "/aa/b"));
  Reopen();
  EXPECT_OK(tree().Move("ann", "/aa/x", "/x"));
  EXPECT_EQ(Make("ann", "/e"), "QUOTA");
  EXPECT_OK(tree().DeleteFolder("ann", "/x", false));
  EXPECT_EQ(Make("ann", "/e"), "OK");
  EXPECT_EQ(RootFoldersOf("ann"), 3u);
}

TEST_F(LimitsTest, AFolderCountsForTheUserWhoBroughtItToTheRoot) {
  EXPECT_EQ(Make("ann", "/a"), "OK");
  EXPECT_EQ(Make("ann", "/a/x"), "OK");
  ASSERT_OK(tree().SetPermissions("ann", "/a", "bob", Right::kAdmin));
  ASSERT_OK(tree().SetPermissions("ann", "/a/x", "bob", Right::kAdmin));
  ASSERT_OK(tree().Move("bob", "/a/x", "/x"));
  EXPECT_EQ(RootFoldersOf("ann"), 1u);
  EXPECT_EQ(RootFoldersOf("bob"), 1u);
  ASSERT_OK(tree().SetPermissions("bob", "/x", "ann", Right::kAdmin));
  ASSERT_OK(tree().DeleteFolder("ann", "/x", true));
  EXPECT_EQ(RootFoldersOf("bob"), 0u);
}

TEST_F(LimitsTest, FoldersOfBeforeDoNotCount) {
  ASSERT_EQ(Make("ann", "/old"), "OK");
  {
    PipelinedStore rows(store_);
    Transaction edit(rows);
    const auto entry = *edit.Get<records::DirectoryEntry>(keys::Entry(kRootInode, "old"));
    auto inode = *edit.Get<records::Inode>(keys::Inode(entry->inode()));
    inode->clear_root_user();
    edit.Put(keys::Inode(entry->inode()), *inode);
    auto usage = *edit.GetOrEmpty<records::Usage>(keys::Usage("ann"));
    usage.clear_root_folders();
    edit.Put(keys::Usage("ann"), usage);
    ASSERT_OK(edit.Commit());
  }
  for (const char* path : {"/a", "/b", "/c"}) EXPECT_EQ(Make("ann", path), "OK");
  ASSERT_OK(tree().DeleteFolder("ann", "/old", false));
  EXPECT_EQ(Make("ann", "/d"), "QUOTA");
}

TEST_F(LimitsTest, NewNamesHideNothing) {
  ASSERT_EQ(Make("ann", "/a"), "OK");
  ASSERT_OK(tree().CreateFile("ann", "/a/f"));
  const std::string hidden[] = {
      "\u00ad", "\u061c", "\u180e", "\u200b",     "\u200d",     "\u200f",
      "\u202a", "\u202e", "\u2028", "\u2060",     "\u2066",     "\u2069",
      "\u3164", "\ufeff", "\ufff9", "\U000e0001", "\U000e007f", "\U0001d173",
  };
  for (const std::string& character : hidden) {
    const std::string path = absl::StrCat("/a/gpj.", character, "exe");
    EXPECT_EQ(Make("ann", path), "BADFIELD");
    EXPECT_EQ(Code(tree().CreateFile("ann", path)), "BADFIELD");
    EXPECT_EQ(Code(tree().Move("ann", "/a/f", path)), "BADFIELD");
    EXPECT_EQ(Code(catalog_->metadata().Set("ann", character, "v")), "BADFIELD");
    EXPECT_EQ(Code(tree().List("ann", path, "", 1)), "NOTFOUND");
  }
  int number = 0;
  for (const std::string name : {"\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627",
                                 "\u00e4\u0308", "\u65e5\u672c", "\u2764\ufe0f", "\U0001f600"}) {
    EXPECT_EQ(Make("ann", absl::StrCat("/a/", name)), "OK") << name;
    EXPECT_OK(catalog_->metadata().Set("ann", name, absl::StrCat(++number)));
  }
}

TEST_F(LimitsTest, NamesOfBeforeStayUsable) {
  ASSERT_EQ(Make("ann", "/a"), "OK");
  ASSERT_OK(tree().CreateFile("ann", "/a/f"));
  ASSERT_OK(catalog_->metadata().Set("ann", "key", "old"));
  const uint64_t folder = catalog_->files().Describe("ann", "/a")->id;
  const std::string name = "f\u202e";
  catalog_->Flush();
  Rewrite(keys::Entry(folder, "f"), keys::Entry(folder, name));
  Rewrite(keys::Metadata("ann", "key"), keys::Metadata("ann", name));
  const std::string path = absl::StrCat("/a/", name);
  EXPECT_EQ(*catalog_->files().Write("ann", path, 0, ChunkRef{1, 1, 5}), 5u);
  EXPECT_EQ(catalog_->files().Read("ann", path, 0, 5)->bytes, 5u);
  EXPECT_EQ(tree().List("ann", "/a", "", 10)->front().name, name);
  EXPECT_OK(tree().Move("ann", path, "/a/plain"));
  EXPECT_OK(catalog_->metadata().Set("ann", name, "new"));
  EXPECT_EQ(*catalog_->metadata().Get("ann", name), "new");
  EXPECT_OK(catalog_->metadata().Delete("ann", name));
}

}  // namespace
}  // namespace convergia::datamgr
