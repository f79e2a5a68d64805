#include "mgmt/accounts/throttling/known_networks.h"

#include "common/base/testing/status_testing.h"
#include "common/store/testing/mem_store.h"

namespace convergia::mgmt {
namespace {

Username User(absl::string_view name) { return *Username::Parse(name); }

TEST(KnownNetworksTest, OutlivesARestart) {
  store::MemStore store;
  {
    ASSERT_OK_AND_ASSIGN(const auto known, KnownNetworks::Create(store));
    EXPECT_FALSE(known->Contains(User("ann"), "10.0.0.1"));
    ASSERT_OK(known->Add(User("ann"), "10.0.0.1"));
    ASSERT_OK(known->Add(User("ann"), "2001:db8:1:2::3"));
  }
  ASSERT_OK_AND_ASSIGN(const auto known, KnownNetworks::Create(store));
  EXPECT_TRUE(known->Contains(User("ann"), "10.0.0.1"));
  EXPECT_TRUE(known->Contains(User("ann"), "2001:db8:1:2::ffff"));
  EXPECT_FALSE(known->Contains(User("ann"), "10.0.0.2"));
  EXPECT_FALSE(known->Contains(User("bob"), "10.0.0.1"));
}

TEST(KnownNetworksTest, KeepsThoseUsedLastOfEachAccount) {
  store::MemStore store;
  ASSERT_OK_AND_ASSIGN(auto known, KnownNetworks::Create(store));
  ASSERT_OK(known->Add(User("bob"), "10.0.0.1"));
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK(known->Add(User("ann"), absl::StrCat("10.0.0.", i)));
    ASSERT_OK(known->Add(User("ann"), "10.0.0.0"));  // At home every day.
  }
  ASSERT_OK_AND_ASSIGN(known, KnownNetworks::Create(store));
  int kept = 0;
  for (int i = 0; i < 20; ++i) kept += known->Contains(User("ann"), absl::StrCat("10.0.0.", i));
  EXPECT_EQ(kept, KnownNetworks::kPerAccountMax);
  EXPECT_TRUE(known->Contains(User("ann"), "10.0.0.0"));
  EXPECT_TRUE(known->Contains(User("ann"), "10.0.0.19"));
  EXPECT_TRUE(known->Contains(User("bob"), "10.0.0.1"));
}

TEST(KnownNetworksTest, WhatIsKnownIsNotWrittenAgain) {
  store::MemStore store;
  ASSERT_OK_AND_ASSIGN(const auto known, KnownNetworks::Create(store));
  ASSERT_OK(known->Add(User("ann"), "10.0.0.1"));
  ASSERT_OK_AND_ASSIGN(const auto before, store.Get("known/ann"));
  ASSERT_OK(known->Add(User("ann"), "10.0.0.1"));
  ASSERT_OK_AND_ASSIGN(const auto after, store.Get("known/ann"));
  EXPECT_EQ(before->version, after->version);
}

}  // namespace
}  // namespace convergia::mgmt
