#include "datamgr/catalog/transactions/pipelined_store.h"

#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "common/base/testing/status_testing.h"
#include "common/store/testing/held_store.h"
#include "gtest/gtest.h"

namespace convergia::datamgr {
namespace {

using store::Batch;

class PipelinedStoreTest : public testing::Test {
 protected:
  std::string ValueOf(const std::string& key) {
    const auto row = rows_.Get(key);
    EXPECT_OK(row);
    return row.ok() && row->has_value() ? (*row)->value : "none";
  }
  std::vector<std::string> KeysOf(int limit = 100) {
    std::vector<std::string> keys;
    const auto page = rows_.Scan("", "", limit);
    EXPECT_OK(page);
    for (const store::KeyValue& row : page->rows) keys.push_back(row.key);
    return keys;
  }
  absl::Status Put(const std::string& key, const std::string& value) {
    return rows_.Commit(Batch().Put(key, value));
  }

  store::HeldStore store_;
  PipelinedStore rows_{store_};
};

TEST_F(PipelinedStoreTest, ACommitIsReadAtOnceAndToldWhenItIsDurable) {
  ASSERT_OK(Put("a", "1"));
  store_.Hold();
  ASSERT_OK(Put("b", "2"));
  ASSERT_OK(rows_.Commit(Batch().Delete("a")));
  EXPECT_EQ(ValueOf("a"), "none");
  EXPECT_EQ(ValueOf("b"), "2");
  EXPECT_EQ(KeysOf(), std::vector<std::string>({"b"}));
  EXPECT_EQ(store_.waiting(), 2u);  // They would share a sync.
  std::vector<std::string> told;
  rows_.WhenDurable([&](const absl::Status& outcome) {
    EXPECT_OK(outcome);
    told.push_back("first");
  });
  ASSERT_OK(Put("c", "3"));
  rows_.WhenDurable([&](const absl::Status&) { told.push_back("second"); });
  ASSERT_TRUE(store_.LetOne());
  EXPECT_TRUE(told.empty());
  ASSERT_TRUE(store_.LetOne());
  EXPECT_EQ(told, std::vector<std::string>({"first"}));
  store_.Let();
  EXPECT_EQ(told, std::vector<std::string>({"first", "second"}));
  EXPECT_EQ(ValueOf("b"), "2");
  bool is_told = false;
  rows_.WhenDurable([&](const absl::Status&) { is_told = true; });
  EXPECT_TRUE(is_told);
}

TEST_F(PipelinedStoreTest, GuardsAreCheckedAgainstWhatIsAhead) {
  ASSERT_OK(Put("a", "1"));
  const store::Revision stored = (*rows_.Get("a"))->version;
  store_.Hold();
  ASSERT_OK(Put("a", "2"));
  const store::Revision ahead = (*rows_.Get("a"))->version;
  EXPECT_TRUE(store::IsConflict(rows_.Commit(Batch().IfVersion("a", stored).Put("a", "x"))));
  EXPECT_TRUE(store::IsConflict(rows_.Commit(Batch().IfAbsent("a").Put("a", "x"))));
  EXPECT_TRUE(store::IsConflict(rows_.Commit(Batch().IfPresent("b").Put("b", "x"))));
  EXPECT_EQ(store_.waiting(), 1u);
  EXPECT_OK(rows_.Commit(Batch().IfVersion("a", ahead).Put("b", "1")));
  store_.Let();
  // The row was ahead when it was read, and is in the store now.
  EXPECT_OK(rows_.Commit(Batch().IfVersion("a", ahead).Put("a", "3")));
  EXPECT_EQ(ValueOf("a"), "3");
  EXPECT_TRUE(store::IsTooBig(Put("k", std::string(limits::kStoreValueBytesMax + 1, 'x'))));
}

TEST_F(PipelinedStoreTest, AfterAFailedWriteAllWhoWaitAreToldAndNothingOfItIsRead) {
  ASSERT_OK(Put("a", "1"));
  store_.Hold();
  ASSERT_OK(Put("a", "2"));
  absl::Status first;
  rows_.WhenDurable([&](const absl::Status& outcome) { first = outcome; });
  ASSERT_OK(Put("b", "2"));
  absl::Status second;
  rows_.WhenDurable([&](const absl::Status& outcome) { second = outcome; });
  store_.BreakNextCommit(/*done=*/false);
  store_.Let();
  EXPECT_TRUE(absl::IsUnknown(first)) << first;
  EXPECT_TRUE(store::IsFenced(second)) << second;
  EXPECT_EQ(ValueOf("a"), "1");
  EXPECT_EQ(KeysOf(), std::vector<std::string>({"a"}));
  EXPECT_TRUE(store::IsFenced(Put("c", "3")));
}

TEST_F(PipelinedStoreTest, APageWithoutRowsIsTheEndAlsoWhereAllIsDeleted) {
  const int many = limits::kStorePageRowsMax;
  for (int i = 0; i < many + 1; ++i) ASSERT_OK(Put(absl::StrCat("k", 100'000 + i), "x"));
  store_.Hold();
  Batch batch;
  for (int i = 0; i < many; ++i) {
    batch.Delete(absl::StrCat("k", 100'000 + i));
    if (batch.mutations.size() == limits::kStoreMutationsMax) {
      ASSERT_OK(rows_.Commit(std::exchange(batch, {})));
    }
  }
  ASSERT_OK(rows_.Commit(std::move(batch)));
  EXPECT_EQ(KeysOf(1), std::vector<std::string>({absl::StrCat("k", 100'000 + many)}));
  EXPECT_EQ(KeysOf(many).size(), 1u);
  store_.Let();
}

// For any mix of commits ahead and in the store, the rows must equal those of a map.
TEST_F(PipelinedStoreTest, RandomCommitsReadAsFromAMap) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 rng(seed);
  std::map<std::string, std::string> model;
  store_.Hold();
  for (int step = 0; step < 5'000; ++step) {
    const std::string key = absl::StrCat(rng() % 20);
    switch (rng() % 4) {
      case 0:
        ASSERT_OK(rows_.Commit(Batch().Delete(key)));
        model.erase(key);
        break;
      case 1:
        store_.LetOne();
        break;
      default:
        ASSERT_OK(Put(key, absl::StrCat(step)));
        model[key] = absl::StrCat(step);
    }
    while (store_.waiting() > 30) store_.LetOne();
    ASSERT_EQ(ValueOf(key), model.count(key) > 0 ? model[key] : "none");
    const std::string begin = absl::StrCat(rng() % 20);
    const int limit = 1 + static_cast<int>(rng() % 8);
    const auto page = rows_.Scan(begin, "", limit);
    ASSERT_OK(page);
    auto at = model.lower_bound(begin);
    for (const store::KeyValue& row : page->rows) {
      ASSERT_TRUE(at != model.end());
      ASSERT_EQ(row.key, at->first);
      ASSERT_EQ(row.value, (at++)->second);
    }
    if (page->rows.size() < static_cast<size_t>(limit)) {
      ASSERT_TRUE(at == model.end() && page->next.empty());
    } else if (at != model.end()) {
      ASSERT_FALSE(page->next.empty());
      ASSERT_LE(page->next, at->first);
    }
  }
  store_.Let();
}

}  // namespace
}  // namespace convergia::datamgr
