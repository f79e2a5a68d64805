// Tests volumes over real chunk stores. Written chunks stay readable through failures of servers,
// and get their copies back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"
#include "convergia/v1/chunks.grpc.pb.h"
#include "convergia/v1/data_admin.grpc.pb.h"
#include "tests/storage/storage_cluster.h"
#include "tests/testing/eventually.h"

namespace convergia::testing {
namespace {

using datamgr::ChunkRef;
using datamgr::ClassPreference;
using datamgr::VolumeClass;

std::string BytesOf(uint64_t seed, size_t length) {
  Rng rng(seed);
  std::string bytes(length, '\0');
  for (char& byte : bytes) byte = static_cast<char>(rng());
  return bytes;
}

class VolumesTest : public ::testing::Test {
 protected:
  void Make(int volatile_servers, int non_volatile_servers,
            absl::Duration grace = absl::Seconds(1)) {
    options_.dir = absl::StrCat(::testing::TempDir(), "/volumes_test.", getpid());
    options_.rules.grace_volatile = grace;
    options_.rules.grace_non_volatile = grace;
    options_.rules.surplus_keep = absl::ZeroDuration();
    options_.rules.orphan_age = absl::Milliseconds(200);
    cluster_ = std::make_unique<StorageCluster>(options_);
    for (int i = 0; i < volatile_servers; ++i) cluster_->AddServer(VolumeClass::kVolatile);
    for (int i = 0; i < non_volatile_servers; ++i) cluster_->AddServer(VolumeClass::kNonVolatile);
  }
  void WriteSome(int count, ClassPreference preference = ClassPreference::kVolatile) {
    for (int i = 0; i < count; ++i) {
      const std::string bytes = BytesOf(written_.size() + 1, 1000 + 3000 * (written_.size() % 5));
      const auto ref = cluster_->Write(bytes, preference);
      ASSERT_OK(ref);
      written_.emplace_back(*ref, bytes);
    }
  }
  void ExpectAllReadable() {
    for (const auto& [ref, bytes] : written_) {
      const auto read = cluster_->Read(ref);
      ASSERT_OK(read);
      ASSERT_TRUE(*read == bytes) << "wrong bytes in volume " << ref.volume;
    }
  }
  bool AllHave(int copies) {
    for (const auto& [ref, bytes] : written_) {
      if (cluster_->CopiesOf(ref) != copies) return false;
    }
    return true;
  }
  // Flips one byte in every 700 of the segments of a running server, so every data block is
  // damaged.
  void Corrupt(NodeId id) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(cluster_->DirOf(id))) {
      const std::string path = entry.path();
      if (!entry.is_regular_file() || path.find("segment") == std::string::npos) continue;
      const auto size = std::filesystem::file_size(path);
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      for (uint64_t at = 4096; at < size; at += 700) {
        file.seekg(static_cast<long>(at));
        const int byte = file.get();
        file.seekp(static_cast<long>(at));
        file.put(static_cast<char>(byte ^ 0x40));
      }
    }
  }

  StorageCluster::Options options_;
  std::unique_ptr<StorageCluster> cluster_;
  std::vector<std::pair<ChunkRef, std::string>> written_;
};

// The replaced datamgr has the whole store, and believes that no chunk is live.
TEST_F(VolumesTest, ADatamgrThatWasReplacedDeletesNoChunk) {
  Make(/*volatile_servers=*/3, /*non_volatile_servers=*/0);
  WriteSome(20);
  ASSERT_TRUE(Eventually([&] { return AllHave(cluster_->WantedOf(written_[0].first)); }));
  const int copies = cluster_->WantedOf(written_[0].first);
  cluster_->RestartDatamgr();
  cluster_->ReplaceDatamgrByEarlier();
  for (const auto& [ref, bytes] : written_) cluster_->Release(ref).IgnoreError();
  ASSERT_TRUE(Eventually([&] { return cluster_->StreamsRefused() >= 30; }));
  EXPECT_TRUE(AllHave(copies));
  for (const auto& [ref, bytes] : written_) cluster_->live().Add(ref);
  cluster_->RestartDatamgr();
  EXPECT_TRUE(AllHave(copies));
  ExpectAllReadable();
}

TEST_F(VolumesTest, WritesToAllReplicasAndReadsBack) {
  Make(3, 1);
  WriteSome(20);
  EXPECT_TRUE(AllHave(3));
  ExpectAllReadable();
  const auto part = cluster_->Write(BytesOf(99, 200'000), ClassPreference::kNonVolatile);
  ASSERT_OK(part);
  EXPECT_EQ(cluster_->CopiesOf(*part), 1);
}

TEST_F(VolumesTest, TooFewServersIsUnavailableAndTheOtherClassServes) {
  Make(2, 0);
  auto ref = cluster_->Write("bytes", ClassPreference::kVolatile);
  EXPECT_EQ(FailCodeOf(ref.status()), FailCode::kUnavailable) << ref.status();
  cluster_->AddServer(VolumeClass::kNonVolatile);
  ref = cluster_->Write("bytes", ClassPreference::kVolatile);
  ASSERT_OK(ref);
  EXPECT_EQ(cluster_->CopiesOf(*ref), 1);
  cluster_->AddServer(VolumeClass::kVolatile);
  EXPECT_TRUE(Eventually([&] {
    ref = cluster_->Write("bytes", ClassPreference::kVolatile);
    return ref.ok() && cluster_->CopiesOf(*ref) == 3;
  }));
}

TEST_F(VolumesTest, WritingGoesOnWhenAServerLeavesAndItsCopiesComeBack) {
  Make(4, 0);
  WriteSome(30);
  cluster_->StopServer(1);
  WriteSome(10);
  ExpectAllReadable();
  EXPECT_TRUE(Eventually([&] { return AllHave(3); }));
  ExpectAllReadable();
}

TEST_F(VolumesTest, OneThatComesBackWithinItsGraceCostsNoCopy) {
  Make(4, 0, /*grace=*/absl::Hours(1));
  WriteSome(30);
  for (const NodeId id : {1, 2, 3}) {
    cluster_->StopServer(id);
    WriteSome(5);
    cluster_->StartServer(id);
  }
  EXPECT_TRUE(Eventually([&] { return AllHave(3); }));
  EXPECT_EQ(cluster_->Report().bytes_copied, 0);
  ExpectAllReadable();
}

TEST_F(VolumesTest, OneThatComesBackLaterIsUsedAgainOrTrimmed) {
  Make(4, 0);
  WriteSome(30);
  cluster_->StopServer(1);
  EXPECT_TRUE(Eventually([&] { return AllHave(3); }));
  cluster_->StartServer(1);
  EXPECT_TRUE(Eventually([&] { return cluster_->Report().debt.surplus_copies == 0; }));
  EXPECT_TRUE(Eventually([&] { return AllHave(3); }));
  ExpectAllReadable();
}

TEST_F(VolumesTest, ALostDiskIsFilledAgain) {
  Make(3, 0, /*grace=*/absl::Hours(1));
  WriteSome(20);
  cluster_->StopServer(2);
  cluster_->WipeServer(2);
  cluster_->StartServer(2);
  EXPECT_TRUE(Eventually([&] { return AllHave(3); })) << "without waiting for any grace";
  ExpectAllReadable();
}

TEST_F(VolumesTest, TheOnlyCopyAwayIsUnavailableAndNamed) {
  Make(0, 2);
  WriteSome(4, ClassPreference::kNonVolatile);
  cluster_->StopServer(1);
  cluster_->StopServer(2);
  const auto read = cluster_->Read(written_[0].first);
  EXPECT_EQ(FailCodeOf(read.status()), FailCode::kUnavailable) << read.status();
  EXPECT_THAT(std::string(read.status().message()),
              ::testing::ContainsRegex("d[12] .offline since"));
  cluster_->StartServer(1);
  cluster_->StartServer(2);
  ExpectAllReadable();
}

TEST_F(VolumesTest, DatamgrRemembersEverything) {
  Make(3, 1);
  WriteSome(10);
  WriteSome(10, ClassPreference::kNonVolatile);
  cluster_->RestartDatamgr();
  ExpectAllReadable();
  WriteSome(10);
  EXPECT_EQ(cluster_->Report().bytes_copied, 0);
  ExpectAllReadable();
}

TEST_F(VolumesTest, FlippedBytesAreNeverServedAndAreReplaced) {
  Make(3, 0, /*grace=*/absl::Hours(1));
  WriteSome(40);
  Corrupt(1);
  ExpectAllReadable();
  // Reads find some damage; a scrub finds all of it.
  cluster_->layer().reconciler().ScrubNow(0);
  EXPECT_TRUE(Eventually([&] { return cluster_->Report().healing.healed > 0; }));
  EXPECT_TRUE(Eventually([&] { return AllHave(3); }));
  ExpectAllReadable();
}

TEST_F(VolumesTest, ReleasedChunksGoAndOrphansAreSwept) {
  options_.rules.sweep_every = absl::ZeroDuration();
  Make(3, 0, /*grace=*/absl::Hours(1));
  WriteSome(10);
  cluster_->StopServer(3);
  for (int i = 0; i < 5; ++i) ASSERT_OK(cluster_->Release(written_[i].first));
  EXPECT_EQ(cluster_->CopiesOf(written_[0].first), 0);
  cluster_->StartServer(3);  // It missed the deletes.
  EXPECT_TRUE(Eventually([&] {
    for (int i = 0; i < 5; ++i) {
      if (cluster_->CopiesOf(written_[i].first) > 0) return false;
    }
    return true;
  }));
  written_.erase(written_.begin(), written_.begin() + 5);
  EXPECT_TRUE(AllHave(3));
  ExpectAllReadable();
}

TEST_F(VolumesTest, AVolumeThatNobodyCouldShowIsSweptWhenItsServerIsBack) {
  options_.rules.sweep_again_after = absl::Milliseconds(100);
  Make(0, 1, /*grace=*/absl::Hours(1));
  WriteSome(3, ClassPreference::kNonVolatile);
  cluster_->StopServer(1);
  cluster_->RestartDatamgr();  // It scans the volume, but no server has it.
  cluster_->live().Remove(written_[0].first);
  // Let the reconciler take some rounds.
  ASSERT_FALSE(
      Eventually([&] { return cluster_->Report().volumes_checked > 0; }, absl::Milliseconds(500)));
  cluster_->StartServer(1);
  EXPECT_TRUE(Eventually([&] { return cluster_->CopiesOf(written_[0].first) == 0; }));
  written_.erase(written_.begin());
  EXPECT_TRUE(AllHave(1));
}

TEST_F(VolumesTest, DrainMovesEverythingAway) {
  Make(4, 0, /*grace=*/absl::Hours(1));
  WriteSome(30);
  cluster_->Configure(1, VolumeClass::kVolatile, /*drain=*/true);
  EXPECT_TRUE(Eventually([&] { return cluster_->store(1).Volumes(0, 10).empty(); }));
  EXPECT_TRUE(AllHave(3));
  WriteSome(5);
  EXPECT_TRUE(cluster_->store(1).Volumes(0, 10).empty());
  ExpectAllReadable();
}

TEST_F(VolumesTest, AClassChangeMakesItsVolumesWhatTheNewClassAsks) {
  Make(3, 1, /*grace=*/absl::Hours(1));
  WriteSome(10, ClassPreference::kNonVolatile);
  EXPECT_TRUE(AllHave(1));
  cluster_->Configure(4, VolumeClass::kVolatile, /*drain=*/false);
  EXPECT_TRUE(Eventually([&] { return AllHave(3); })) << "no volume is non-volatile now";
  ExpectAllReadable();
}

TEST_F(VolumesTest, TheBrakeHolds) {
  Make(6, 0);
  WriteSome(30);
  cluster_->StopServer(1);
  cluster_->StopServer(2);
  EXPECT_TRUE(Eventually([&] {
    const auto debt = cluster_->Report().debt;
    return debt.brake && debt.due_volumes > 0;
  }));
  EXPECT_EQ(cluster_->Report().bytes_copied, 0);
  ExpectAllReadable();
  cluster_->layer().reconciler().ReleaseBrake();
  EXPECT_TRUE(Eventually([&] { return AllHave(3); }));
}

TEST_F(VolumesTest, FullServersSayNoSpaceAndDeletesHelp) {
  options_.capacity_bytes = 192 << 20;
  Make(0, 1);
  absl::Status failure;
  for (int i = 0; i < 400 && failure.ok(); ++i) {
    const std::string bytes = BytesOf(i, 1 << 20);
    const auto ref = cluster_->Write(bytes, ClassPreference::kNonVolatile);
    failure = ref.status();
    if (ref.ok()) written_.emplace_back(*ref, bytes);
  }
  EXPECT_EQ(FailCodeOf(failure), FailCode::kNoSpace) << failure;
  ASSERT_GT(written_.size(), 20);
  ExpectAllReadable();
  while (written_.size() > 2) {
    ASSERT_OK(cluster_->Release(written_.back().first));
    written_.pop_back();
  }
  absl::Status last;
  EXPECT_TRUE(Eventually([&] {
    last = cluster_->Write("more", ClassPreference::kNonVolatile).status();
    return last.ok();
  })) << last
      << "; free: " << cluster_->store(1).Facts()->free_bytes
      << ", used: " << cluster_->store(1).Facts()->used_bytes
      << ", live: " << cluster_->store(1).Facts()->live_bytes;
  ExpectAllReadable();
}

template <typename Request, typename Response>
grpc::Status Call(v1::DataAdmin::Stub& stub,
                  grpc::Status (v1::DataAdmin::Stub::*method)(grpc::ClientContext*, const Request&,
                                                              Response*),
                  const Request& request, Response* response) {
  grpc::ClientContext context;
  return (stub.*method)(&context, request, response);
}

TEST_F(VolumesTest, OperatorsSeeItAll) {
  Make(4, 1, /*grace=*/absl::Hours(1));
  WriteSome(10);
  WriteSome(2, ClassPreference::kNonVolatile);
  v1::DataAdmin::Stub stub(cluster_->ChannelAs({Role::kOperator, "operator"}));

  v1::ListDataServersResponse servers;
  ASSERT_TRUE(Call(stub, &v1::DataAdmin::Stub::ListDataServers, {}, &servers).ok());
  ASSERT_EQ(servers.servers_size(), 5);
  EXPECT_EQ(servers.servers(0).name(), "d1");
  EXPECT_TRUE(servers.servers(0).connected());
  EXPECT_GT(servers.servers(0).free_bytes(), 0);
  EXPECT_EQ(servers.servers(4).configuration().storage_class(), v1::STORAGE_CLASS_NON_VOLATILE);
  EXPECT_EQ(servers.servers(4).replicas(), 1);

  v1::ListVolumesRequest page;
  page.set_limit(1);
  v1::ListVolumesResponse volumes;
  ASSERT_TRUE(Call(stub, &v1::DataAdmin::Stub::ListVolumes, page, &volumes).ok());
  ASSERT_EQ(volumes.volumes_size(), 1);
  EXPECT_TRUE(volumes.more());
  EXPECT_EQ(volumes.volumes(0).copies_live(), 3);
  const std::string gone = volumes.volumes(0).replicas(0).server();
  cluster_->StopServer(volumes.volumes(0).replicas(0).node_id());

  v1::GetRepairStatusResponse repair;
  EXPECT_TRUE(Eventually([&] {
    return Call(stub, &v1::DataAdmin::Stub::GetRepairStatus, {}, &repair).ok() &&
           repair.waiting_volumes() == 1;
  }));
  EXPECT_EQ(repair.missing_volumes(), 1);
  EXPECT_EQ(repair.due_volumes(), 0);
  page.set_only_ailing(true);
  ASSERT_TRUE(Call(stub, &v1::DataAdmin::Stub::ListVolumes, page, &volumes).ok());
  ASSERT_EQ(volumes.volumes_size(), 1);
  EXPECT_EQ(volumes.volumes(0).copies_away(), 1);

  v1::ScrubNowRequest scrub;
  v1::ScrubNowResponse scrubbed;
  scrub.set_server(gone);
  EXPECT_EQ(Call(stub, &v1::DataAdmin::Stub::ScrubNow, scrub, &scrubbed).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(VolumesTest, OperatorsSeeADrainEnd) {
  Make(4, 0, /*grace=*/absl::Hours(1));
  WriteSome(10);
  cluster_->StopServer(4);  // There is nowhere to move to.
  cluster_->Configure(1, VolumeClass::kVolatile, /*drain=*/true);
  v1::DataAdmin::Stub stub(cluster_->ChannelAs({Role::kOperator, "operator"}));
  v1::GetDrainStatusResponse drain;
  EXPECT_TRUE(Eventually([&] {
    return Call(stub, &v1::DataAdmin::Stub::GetDrainStatus, {}, &drain).ok() &&
           drain.servers_size() == 1 && drain.servers(0).server() == "d1";
  }));
  cluster_->StartServer(4);
  EXPECT_TRUE(Eventually([&] {
    return Call(stub, &v1::DataAdmin::Stub::GetDrainStatus, {}, &drain).ok() &&
           drain.servers_size() == 1 && drain.servers(0).volumes_left() == 0;
  }));
  ExpectAllReadable();
}

TEST_F(VolumesTest, ThePolicyIsChangedCheckedAndRemembered) {
  Make(4, 0, /*grace=*/absl::Hours(1));
  WriteSome(5);
  v1::DataAdmin::Stub stub(cluster_->ChannelAs({Role::kOperator, "operator"}));
  v1::RepairPolicy change;
  v1::RepairPolicy policy;
  change.set_copies_volatile(2);
  EXPECT_EQ(Call(stub, &v1::DataAdmin::Stub::SetRepairPolicy, change, &policy).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  change.set_copies_volatile(4);
  change.set_grace_volatile_seconds(0);
  const grpc::Status set = Call(stub, &v1::DataAdmin::Stub::SetRepairPolicy, change, &policy);
  ASSERT_TRUE(set.ok()) << set.error_message();
  EXPECT_EQ(policy.grace_non_volatile_seconds(), 3600);
  WriteSome(5);
  EXPECT_TRUE(Eventually([&] { return AllHave(4); }));
  cluster_->RestartDatamgr();
  // The first call over the connection to the earlier datamgr may fail with it.
  v1::DataAdmin::Stub after(cluster_->ChannelAs({Role::kOperator, "operator"}));
  const grpc::Status got = Call(after, &v1::DataAdmin::Stub::GetRepairPolicy, {}, &policy);
  ASSERT_TRUE(got.ok()) << got.error_message();
  EXPECT_EQ(policy.copies_volatile(), 4);
  EXPECT_EQ(policy.grace_volatile_seconds(), 0);
  EXPECT_EQ(policy.surplus_keep_seconds(), 0);
}

TEST_F(VolumesTest, OnlyOperatorsCallDataAdminAndOnlyDataServersServe) {
  Make(1, 0);
  v1::DataAdmin::Stub stub(cluster_->ChannelAs({Role::kDataserver, "d1"}));
  v1::ListDataServersResponse servers;
  EXPECT_EQ(Call(stub, &v1::DataAdmin::Stub::ListDataServers, {}, &servers).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  v1::Chunks::Stub chunks(cluster_->ChannelAs({Role::kOperator, "operator"}));
  grpc::ClientContext context;
  EXPECT_EQ(chunks.Serve(&context)->Finish().error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

}  // namespace
}  // namespace convergia::testing
