// A whole data server against a fake mgmt and a fake datamgr, over real TLS on loopback.
#include "dataserver/dataserver_server.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "common/base/limits.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/files.h"
#include "common/node/testing/fake_mgmt.h"
#include "dataserver/testing/fake_datamgr.h"
#include "dataserver/testing/store_testing.h"

namespace convergia::dataserver {
namespace {

constexpr size_t kMiB = 1024 * 1024;

class DataServerTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = absl::StrCat(testing::TempDir(), "/dataserver_test.", getpid());
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
    ASSERT_OK(
        identity::WriteFileAtomically(dir_ + "/token", mgmt_.MakeToken(Role::kDataserver), 0600));
    settings_.name = "d1";
    settings_.dir = dir_ + "/node";
    settings_.data_dir = dir_ + "/data";
    settings_.mgmt_addresses = {mgmt_.address()};
    settings_.join_token_file = dir_ + "/token";
    settings_.datamgr_address = datamgr_.address();
    settings_.grpc_listen = "127.0.0.1:0";
    settings_.scrub_bytes_per_second = kMiB;
    settings_.disk_threads = 4;
    settings_.streams = 3;
    StartServer();
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(dir_);
  }

  // Waits until the server keeps `streams` streams: a datamgr of a lower epoch keeps none.
  void StartServer(int streams = 3) {
    auto server = DataServer::Create(settings_, [this](const absl::Status& why) {
      absl::MutexLock lock(&mu_);
      expelled_ = why;
    });
    ASSERT_OK(server);
    server_ = *std::move(server);
    ASSERT_OK(server_->Start([] { return false; }));
    mgmt_.AwaitHellos(++starts_);
    v1::ToNode message;  // Without it nobody is let in, datamgr neither.
    message.mutable_pins()->set_whole(true);
    const rpc::PinEntry pin = mgmt_.pki().PinOf({Role::kDatamgr, "datamgr"}, 3);
    v1::PinEntry* const entry = message.mutable_pins()->add_valid();
    entry->set_pin(pin.pin);
    entry->set_role(v1::ROLE_DATAMGR);
    entry->set_name(pin.name);
    entry->set_node_id(pin.node);
    mgmt_.Push(message);
    datamgr_.AwaitStreams(streams);
  }

  void ExpectHolds(int stream, const ChunkKey& key, const std::string& bytes) {
    const auto response = datamgr_.Ask(stream, MakeRead(key, 0, kMiB));
    ASSERT_OK(response);
    ASSERT_FALSE(response->has_error()) << response->error().ShortDebugString();
    EXPECT_TRUE(response->read().bytes() == bytes);
    EXPECT_EQ(response->read().checksum(), Checksum(bytes));
    EXPECT_EQ(response->read().chunk_length(), bytes.size());
  }

  std::string dir_;
  node::FakeMgmt mgmt_;
  FakeDatamgr datamgr_{&mgmt_.pki(), &mgmt_.pins()};
  DataServerSettings settings_;
  std::unique_ptr<DataServer> server_;
  size_t starts_ = 0;
  absl::Mutex mu_;
  absl::Status expelled_ ABSL_GUARDED_BY(mu_);
};

TEST_F(DataServerTest, GreetsOnEveryStreamAndReports) {
  const auto hellos = datamgr_.AwaitStreams(3);
  ASSERT_EQ(hellos.size(), 3);
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(hellos[i].stream(), i);
    EXPECT_EQ(hellos[i].streams(), 3);
    EXPECT_EQ(hellos[i].store_id(), server_->store().store_id());
    EXPECT_GT(hellos[i].window_bytes(), 4 * kMiB);
    EXPECT_GT(hellos[i].report().free_bytes(), 0);
    EXPECT_EQ(hellos[i].epoch(), 1);
  }
  ASSERT_OK(datamgr_.Ask(0, MakePut({1, 1}, "hello")));
  datamgr_.AwaitReports(1);
  const v1::DataServerReport report = datamgr_.AwaitReports(1);
  EXPECT_EQ(report.chunks(), 1);
  EXPECT_GT(report.live_bytes(), 5);
  EXPECT_GT(report.disk_total_bytes(), report.free_bytes());
}

TEST_F(DataServerTest, StoresReadsListsAndDeletesOnAnyStream) {
  const std::string bytes = BytesOf(1, kMiB);
  ASSERT_FALSE(datamgr_.Ask(0, MakePut({1, 1}, bytes))->has_error());
  ASSERT_FALSE(datamgr_.Ask(1, MakePut({2, 1}, "small"))->has_error());
  ExpectHolds(2, {1, 1}, bytes);
  const auto piece = datamgr_.Ask(0, MakeRead({1, 1}, 100'000, 50));
  EXPECT_EQ(piece->read().bytes(), bytes.substr(100'000, 50));

  v1::ChunkRequest list;
  list.mutable_list()->set_volume(1);
  const auto listed = datamgr_.Ask(0, list);
  ASSERT_EQ(listed->list().chunks_size(), 1);
  EXPECT_EQ(listed->list().chunks(0).checksum(), Checksum(bytes));
  EXPECT_FALSE(listed->list().has_next());
  v1::ChunkRequest volumes;
  volumes.mutable_list_volumes()->set_rows_max(1);
  const auto first = datamgr_.Ask(0, volumes);
  ASSERT_EQ(first->list_volumes().volumes_size(), 1);
  EXPECT_EQ(first->list_volumes().next_after(), 1);

  ASSERT_FALSE(datamgr_.Ask(0, MakeDelete({1, 1}))->has_error());
  const auto gone = datamgr_.Ask(0, MakeRead({1, 1}, 0, 10));
  EXPECT_EQ(gone->error().fail_code(), "NOTFOUND");
  v1::ChunkRequest drop;
  drop.mutable_drop_volume()->set_volume(2);
  ASSERT_FALSE(datamgr_.Ask(1, drop)->has_error());
  EXPECT_EQ(datamgr_.Ask(0, MakeRead({2, 1}, 0, 10))->error().fail_code(), "NOTFOUND");
}

TEST_F(DataServerTest, AnswersBadRequestsAndGoesOn) {
  v1::ChunkRequest wrong = MakePut({1, 1}, "hello");
  wrong.mutable_put()->set_checksum(7);
  EXPECT_EQ(datamgr_.Ask(0, wrong)->error().code(),
            static_cast<int>(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(datamgr_.Ask(0, v1::ChunkRequest())->error().code(),
            static_cast<int>(absl::StatusCode::kUnimplemented));
  ASSERT_FALSE(datamgr_.Ask(0, MakePut({1, 1}, "hello"))->has_error());
  EXPECT_EQ(datamgr_.Ask(0, MakePut({1, 1}, "other"))->error().fail_code(), "EXISTS");
  EXPECT_EQ(datamgr_.Ask(0, MakeRead({1, 1}, 6, 1))->error().code(),
            static_cast<int>(absl::StatusCode::kOutOfRange));
  ExpectHolds(0, {1, 1}, "hello");
}

TEST_F(DataServerTest, ManyRequestsInFlightAreAllAnswered) {
  constexpr int kRequests = 600;
  absl::BlockingCounter answered(kRequests);
  std::atomic<int> errors = 0;
  for (int i = 0; i < kRequests; i += 10) {
    std::vector<v1::ChunkRequest> requests;
    std::vector<FakeDatamgr::Done> dones;
    for (int j = i; j < i + 10; ++j) {
      requests.push_back(MakePut({1, static_cast<uint64_t>(j + 1)}, BytesOf(j, 10'000)));
      dones.push_back([&](absl::StatusOr<v1::ChunkResponse> response) {
        if (!response.ok() || response->has_error()) ++errors;
        answered.DecrementCount();
      });
    }
    datamgr_.Send(i / 10 % 3, std::move(requests), std::move(dones));
  }
  answered.Wait();
  EXPECT_EQ(errors, 0);
  for (int i = 0; i < kRequests; i += 37) {
    ExpectHolds(i % 3, {1, static_cast<uint64_t>(i + 1)}, BytesOf(i, 10'000));
  }
}

TEST_F(DataServerTest, BeyondTheWindowIsBusyAndNothingElseSuffers) {
  const uint64_t window = datamgr_.AwaitStreams(3)[0].window_bytes();
  const std::string bytes = BytesOf(1, kMiB);
  const int requests = static_cast<int>(2 * window / kMiB);
  absl::BlockingCounter answered(requests);
  std::atomic<int> busy = 0;
  std::atomic<int> stored = 0;
  for (int i = 0; i < requests; ++i) {
    std::vector<v1::ChunkRequest> one;
    one.push_back(MakePut({1, static_cast<uint64_t>(i + 1)}, bytes));
    std::vector<FakeDatamgr::Done> dones;
    dones.push_back([&](absl::StatusOr<v1::ChunkResponse> response) {
      if (response.ok() && !response->has_error()) ++stored;
      if (response.ok() && response->error().fail_code() == "BUSY") ++busy;
      answered.DecrementCount();
    });
    datamgr_.Send(i % 3, std::move(one), std::move(dones));
  }
  answered.Wait();
  EXPECT_EQ(stored + busy, requests) << "every one is stored or refused";
  EXPECT_GE(stored, static_cast<int>(window / kMiB) - 1);
  ExpectHolds(0, {1, 1}, bytes);
}

TEST_F(DataServerTest, SettingsAreInForceAtOnce) {
  v1::DataServerSettings settings;
  settings.set_storage_class(v1::STORAGE_CLASS_VOLATILE);
  settings.set_capacity_bytes(100 * kMiB);
  datamgr_.SetSettings(settings);
  // A request on each stream after the settings: stream by stream they are in order.
  for (int stream = 0; stream < 3; ++stream)
    ASSERT_OK(datamgr_.Ask(stream, MakeRead({9, 9}, 0, 1)));
  v1::DataServerReport report = datamgr_.AwaitReports(2);
  EXPECT_EQ(report.capacity_bytes(), 100 * kMiB);
  EXPECT_LT(report.free_bytes(), 100 * kMiB);
  settings.set_capacity_bytes(1);
  datamgr_.SetSettings(settings);
  for (int stream = 0; stream < 3; ++stream)
    ASSERT_OK(datamgr_.Ask(stream, MakeRead({9, 9}, 0, 1)));
  EXPECT_EQ(datamgr_.Ask(0, MakePut({1, 1}, "hello"))->error().fail_code(), "NOSPACE");
  datamgr_.SetSettings(v1::DataServerSettings());
  for (int stream = 0; stream < 3; ++stream)
    ASSERT_OK(datamgr_.Ask(stream, MakeRead({9, 9}, 0, 1)));
  EXPECT_FALSE(datamgr_.Ask(0, MakePut({1, 1}, "hello"))->has_error());
}

TEST_F(DataServerTest, WhatMgmtSaysOfCapacityIsInForceAtOnceAndGoesFirst) {
  v1::ToNode message;
  message.mutable_configuration()->set_storage_class(v1::STORAGE_CLASS_NON_VOLATILE);
  message.mutable_configuration()->set_capacity_bytes(200 * kMiB);
  mgmt_.Push(message);
  for (int reports = 0; datamgr_.AwaitReports(1).capacity_bytes() != 200 * kMiB; ++reports) {
    ASSERT_LT(reports, 10);
  }
  v1::DataServerSettings settings;
  settings.set_capacity_bytes(100 * kMiB);
  datamgr_.SetSettings(settings);
  for (int stream = 0; stream < 3; ++stream)
    ASSERT_OK(datamgr_.Ask(stream, MakeRead({9, 9}, 0, 1)));
  EXPECT_EQ(server_->store().Facts()->capacity_bytes, 200 * kMiB);
}

TEST_F(DataServerTest, ComesBackWhenDatamgrDoes) {
  ASSERT_FALSE(datamgr_.Ask(0, MakePut({1, 1}, "hello"))->has_error());
  datamgr_.Stop();
  datamgr_.AwaitNoStreams();
  datamgr_.Start();
  datamgr_.AwaitStreams(3);
  ExpectHolds(2, {1, 1}, "hello");
}

TEST_F(DataServerTest, ARestartKeepsWhatWasStored) {
  const std::string bytes = BytesOf(1, 300'000);
  ASSERT_FALSE(datamgr_.Ask(0, MakePut({1, 1}, bytes))->has_error());
  const std::string store_id = server_->store().store_id();
  server_->Drain(absl::Seconds(10));
  server_.reset();
  datamgr_.AwaitNoStreams();
  StartServer();
  EXPECT_EQ(server_->store().store_id(), store_id);
  EXPECT_EQ(datamgr_.AwaitStreams(3)[0].epoch(), 2);
  ExpectHolds(0, {1, 1}, bytes);
}

v1::ChunkRequest MakeDrop(uint64_t volume) {
  v1::ChunkRequest request;
  request.mutable_drop_volume()->set_volume(volume);
  return request;
}

TEST_F(DataServerTest, ADatamgrThatWasReplacedDropsNoVolume) {
  datamgr_.Stop();
  datamgr_.SetEpoch(5);
  datamgr_.Start();
  datamgr_.AwaitHellos(3);
  ASSERT_FALSE(datamgr_.Ask(0, MakePut({1, 1}, "hello"))->has_error());
  for (const bool restart : {false, true}) {
    if (restart) {
      server_.reset();
      datamgr_.AwaitNoStreams();
    }
    // Each stream that the data server opens to it is asked to drop the volume.
    datamgr_.Stop();
    datamgr_.SetEpoch(4);
    datamgr_.AskAtOnce(MakeDrop(1));
    datamgr_.Start();
    if (restart) StartServer(/*streams=*/0);
    datamgr_.AwaitHellos(6);
    datamgr_.Stop();
    datamgr_.SetEpoch(5);
    datamgr_.AskAtOnce(MakeRead({1, 1}, 0, 1));
    datamgr_.Start();
    datamgr_.AwaitStreams(3);
    ExpectHolds(0, {1, 1}, "hello");
  }
  // The latest may.
  datamgr_.Stop();
  datamgr_.SetEpoch(6);
  datamgr_.Start();
  datamgr_.AwaitHellos(3);
  ASSERT_FALSE(datamgr_.Ask(0, MakeDrop(1))->has_error());
  EXPECT_EQ(datamgr_.Ask(0, MakeRead({1, 1}, 0, 1))->error().fail_code(), "NOTFOUND");
}

TEST_F(DataServerTest, ARefusalOfADatamgrThatWasReplacedStopsNothing) {
  datamgr_.Stop();
  datamgr_.SetEpoch(5);
  datamgr_.Start();
  datamgr_.AwaitHellos(3);
  datamgr_.Stop();
  datamgr_.SetEpoch(4);
  datamgr_.RefuseStreams(absl::FailedPreconditionError("a newer start of d1 is here"));
  datamgr_.Start();
  datamgr_.AwaitRefusals(6);
  {
    absl::MutexLock lock(&mu_);
    EXPECT_OK(expelled_);
  }
  datamgr_.RefuseStreams(absl::OkStatus());
  datamgr_.SetEpoch(5);
  datamgr_.AwaitStreams(3);
  ASSERT_FALSE(datamgr_.Ask(0, MakePut({1, 1}, "hello"))->has_error());
}

TEST_F(DataServerTest, StopsWhenANewerStartIsThere) {
  datamgr_.RefuseStreams(absl::FailedPreconditionError("a newer start of d1 is here"));
  datamgr_.Stop();
  datamgr_.Start();
  absl::MutexLock lock(&mu_);
  const auto expelled = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !expelled_.ok(); };
  ASSERT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&expelled), absl::Seconds(30)));
}

TEST_F(DataServerTest, ASecondOneOnTheSameFolderIsRefused) {
  ASSERT_OK(
      identity::WriteFileAtomically(dir_ + "/token2", mgmt_.MakeToken(Role::kDataserver), 0600));
  DataServerSettings other = settings_;
  other.name = "d2";
  other.dir = dir_ + "/node2";
  other.join_token_file = dir_ + "/token2";
  auto server = DataServer::Create(other, [](const absl::Status&) {});
  ASSERT_OK(server);
  EXPECT_THAT((*server)->Start([] { return false; }),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

// ---- Configuration.

TEST(DataServerConfigTest, FillsInDefaultsAndNamesWhatIsWrong) {
  v1::DataServerConfig config;
  config.set_name("d1");
  config.set_dir("/var/d1");
  config.add_mgmt("10.0.0.1:64478");
  ASSERT_OK_AND_ASSIGN(const DataServerSettings settings, ReadSettings(config));
  EXPECT_EQ(settings.datamgr_address, "10.0.0.1:64481");
  EXPECT_EQ(settings.data_dir, "/var/d1/data");
  EXPECT_GT(settings.streams, 0);

  const auto refused = [&](absl::string_view field, auto change) {
    v1::DataServerConfig wrong = config;
    change(&wrong);
    const absl::Status status = ReadSettings(wrong).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_EQ(status.message().substr(0, field.size()), field);
  };
  refused("name", [](auto* wrong) { wrong->set_name("D 1"); });
  refused("dir", [](auto* wrong) { wrong->clear_dir(); });
  refused("mgmt", [](auto* wrong) { wrong->set_mgmt(0, "10.0.0.1"); });
  refused("datamgr", [](auto* wrong) { wrong->set_datamgr("x:y"); });
  refused("grpc_listen", [](auto* wrong) { wrong->set_grpc_listen(":1"); });
  refused("capacity_bytes", [](auto* wrong) { wrong->set_capacity_bytes(1); });
  refused("streams", [](auto* wrong) { wrong->set_streams(1000); });
  refused("disk_threads", [](auto* wrong) { wrong->set_disk_threads(1000); });
}

}  // namespace
}  // namespace convergia::dataserver
