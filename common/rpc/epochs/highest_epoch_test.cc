#include "common/rpc/epochs/highest_epoch.h"

#include <gtest/gtest.h>

#include "common/base/testing/status_testing.h"
#include "common/disk/testing/faulty_disk.h"

namespace convergia::rpc {
namespace {

constexpr char kPath[] = "/n/EPOCH";

class HighestEpochTest : public testing::Test {
 protected:
  HighestEpochTest() {
    EXPECT_OK(disk_.MakeFolder("/n"));
    EXPECT_OK(disk_.SyncFolder("/"));
  }
  std::unique_ptr<HighestEpoch> Open() {
    auto epoch = HighestEpoch::Open(disk_, kPath, "datamgr");
    EXPECT_OK(epoch);
    return *std::move(epoch);
  }

  disk::FaultyDisk disk_;
};

TEST_F(HighestEpochTest, TakesTheSameAndHigherOnesAndRefusesLower) {
  const auto epochs = Open();
  const struct {
    Epoch said;
    bool is_taken;
    Epoch highest;
  } kSteps[] = {
      {0, true, 0},  {5, true, 5}, {5, true, 5},  {4, false, 5},
      {0, false, 5}, {9, true, 9}, {8, false, 9},
  };
  for (const auto& step : kSteps) {
    const absl::Status admitted = epochs->Admit(step.said);
    EXPECT_EQ(admitted.ok(), step.is_taken) << step.said << ": " << admitted;
    EXPECT_EQ(absl::IsUnavailable(admitted), !step.is_taken);
    EXPECT_EQ(epochs->highest(), step.highest);
  }
}

TEST_F(HighestEpochTest, WhatWasAdmittedSurvivesAPowerCut) {
  ASSERT_OK(Open()->Admit(5));
  ASSERT_OK(Open()->Admit(7));
  disk_.CutPower();
  disk_.PowerOn(disk::FaultyDisk::Loss::kAll, /*seed=*/1);
  EXPECT_EQ(Open()->highest(), 7);
  EXPECT_THAT(Open()->Admit(6), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(HighestEpochTest, WhatCouldNotBeWrittenIsAnErrorUntilItIs) {
  const auto epochs = Open();
  ASSERT_OK(epochs->Admit(5));
  disk_.SetCapacity(0);
  EXPECT_FALSE(epochs->Admit(7).ok());
  EXPECT_FALSE(epochs->Admit(7).ok());
  EXPECT_FALSE(epochs->Save().ok());
  EXPECT_EQ(epochs->highest(), 7);
  EXPECT_THAT(epochs->Admit(6), StatusIs(absl::StatusCode::kUnavailable));
  disk_.SetCapacity(1'000'000);
  ASSERT_OK(epochs->Admit(7));
  EXPECT_EQ(Open()->highest(), 7);
}

TEST_F(HighestEpochTest, AFileWithoutNumberIsNamed) {
  ASSERT_OK(disk::WriteFileAtomically(disk_, kPath, "seven"));
  const absl::Status status = HighestEpoch::Open(disk_, kPath, "datamgr").status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr(kPath));
}

}  // namespace
}  // namespace convergia::rpc
