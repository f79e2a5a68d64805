#include "common/node/mgmt_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"

namespace convergia::node {
namespace {

class MgmtMemoryTest : public testing::Test {
 protected:
  MgmtMemoryTest() { std::filesystem::create_directories(dir_); }
  ~MgmtMemoryTest() override { std::filesystem::remove_all(dir_); }

  static v1::Pins PinsOf(int count) {
    v1::Pins pins;
    pins.set_whole(true);
    for (int i = 0; i < count; ++i) {
      v1::PinEntry* const entry = pins.add_valid();
      entry->set_pin(absl::StrCat(std::string(56, 'a'), 10'000'000 + i));
      entry->set_role(v1::ROLE_EDGE);
      entry->set_name(absl::StrCat("edge-of-a-long-name-", i));
      entry->set_node_id(i + 1);
    }
    return pins;
  }

  size_t PinsLoaded() {
    MgmtMemory memory(files_);
    memory.Load(clock_.Now());
    return memory.pins().All().size();
  }

  const std::string dir_ = absl::StrCat(testing::TempDir(), "/memory-", SecureRandomHex(8));
  const NodeFiles files_{dir_};
  FakeClock clock_;
};

TEST_F(MgmtMemoryTest, TheKeysOfManyNodesOutliveARestart) {
  constexpr int kNodes = 20'000;
  MgmtMemory memory(files_);
  memory.TakePins(PinsOf(kNodes));
  ASSERT_OK(memory.Save(absl::InfiniteDuration()));
  EXPECT_GT(std::filesystem::file_size(files_.PathOf("pins.textproto")), 2'000'000u);
  EXPECT_EQ(PinsLoaded(), kNodes);
}

TEST_F(MgmtMemoryTest, WhatDoesNotFitIsAnErrorAndTheOldStays) {
  constexpr size_t kFileBytesMax = 100'000;
  MgmtMemory memory(files_, kFileBytesMax);
  memory.TakePins(PinsOf(100));
  ASSERT_OK(memory.Save(absl::InfiniteDuration()));
  memory.TakePins(PinsOf(10'000));
  EXPECT_THAT(memory.Save(absl::InfiniteDuration()),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(memory.pins().All().size(), 10'000u) << "only the disk has less";
  EXPECT_EQ(PinsLoaded(), 100u);
  memory.TakePins(PinsOf(50));
  EXPECT_OK(memory.Save(absl::InfiniteDuration()));
  EXPECT_EQ(PinsLoaded(), 50u);
}

}  // namespace
}  // namespace convergia::node
