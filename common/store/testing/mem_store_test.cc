#include "common/store/testing/mem_store.h"

#include <gmock/gmock.h>

#include "common/base/testing/status_testing.h"
#include "common/store/testing/store_suite.h"

namespace convergia::store {
namespace {

INSTANTIATE_TEST_SUITE_P(Mem, StoreSuite,
                         testing::Values(Backend{"MemStore",
                                                 [](const HistoryBounds& history) {
                                                   return std::make_unique<MemStore>(history);
                                                 }}),
                         BackendName);

TEST(MemStoreTest, ABrokenCommitIsUnknownAndThenAllAreFenced) {
  for (const bool done : {false, true}) {
    MemStore store;
    store.BreakNextCommit(done);
    EXPECT_TRUE(IsUnknown(store.Commit(Batch().Put("a", "1")).status()));
    EXPECT_TRUE(IsFenced(store.Commit(Batch().Put("b", "2")).status()));
    ASSERT_OK_AND_ASSIGN(const auto row, store.Get("a"));
    EXPECT_EQ(row.has_value(), done);
  }
}

}  // namespace
}  // namespace convergia::store
