// Long because all tests share one fixture.
// Tests the way from an edge's client of datamgr, over real gRPC, to the catalog and back. Chunks
// are in memory.
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/base/fail.h"
#include "common/base/hash/tree_hash.h"
#include "common/base/limits.h"
#include "common/base/testing/status_testing.h"
#include "common/disk/testing/faulty_disk.h"
#include "common/rpc/auth/call_policy.h"
#include "common/rpc/auth/credentials.h"
#include "common/rpc/auth/peer.h"
#include "common/rpc/epochs/highest_epoch.h"
#include "common/rpc/server.h"
#include "common/rpc/streams/stream_reactor.h"
#include "common/rpc/testing/test_pki.h"
#include "common/store/testing/held_store.h"
#include "datamgr/catalog/catalog.h"
#include "datamgr/scheduler/request_scheduler.h"
#include "datamgr/services/data_service.h"
#include "datamgr/testing/mem_chunk_layer.h"
#include "edge/upstream/data_client.h"

namespace convergia {
namespace {

using datamgr::Arrival;

constexpr absl::Duration kPatience = absl::Seconds(60);

class FakeUsers final : public datamgr::UserLookup {
 public:
  void CheckExist(std::vector<std::string> users,
                  absl::AnyInvocable<void(absl::Status)> done) override {
    for (const std::string& user : users) {
      if (user == "nobody") return done(Fail(FailCode::kNoSuchUser, "there is no nobody"));
    }
    done(absl::OkStatus());
  }
};

// An answer that a test waits for.
struct Answer {
  absl::Notification came;
  absl::StatusOr<v1::DataResponse> response = absl::UnknownError("none yet");

  std::string Code() {
    if (!came.WaitForNotificationWithTimeout(kPatience)) return "no answer";
    return response.ok() ? "OK" : std::string(FailCodeWord(FailCodeOf(response.status())));
  }
  const v1::DataResponse& Get() {
    EXPECT_EQ(Code(), "OK") << response.status();
    static const v1::DataResponse nothing;
    return response.ok() ? *response : nothing;
  }
};

class DataPathTest : public testing::Test {
 protected:
  DataPathTest() {
    pins_.Replace({pki_.PinOf(kEdge, 1), pki_.PinOf(kData, 2)});
    epochs_ = *rpc::HighestEpoch::Open(disk_, "/datamgr_epoch", "datamgr");
    StartDatamgr("127.0.0.1:0");
    edge::DataClient::Options options;
    options.make_channel = [this](const std::string& name, const std::string& address) {
      return rpc::MakeChannel(address, pki_.FilesOf(kEdge), {Role::kDatamgr, name}, &pins_);
    };
    options.on_arrival = [this](const v1::MessageArrival& arrival) {
      absl::MutexLock lock(&mu_);
      arrivals_.push_back(arrival);
    };
    options.on_up = [] {};
    options.epochs = epochs_.get();
    client_ = std::make_unique<edge::DataClient>(std::move(options));
    client_->SetDatamgr("data", rpc_->address());
    AwaitUp(true);
  }
  ~DataPathTest() override {
    client_->Stop();
    StopDatamgr();
  }

  void StartDatamgr(const std::string& listen) {
    catalog_ = *datamgr::Catalog::Open(store_, clock_, {});
    service_.reset();  // It uses the scheduler, so it goes first.
    scheduler_ = std::make_unique<datamgr::RequestScheduler>(datamgr::RequestScheduler::Deps{
        .catalog = catalog_.get(),
        .chunks = &chunks_,
        .users = &users_,
        .prefer = [](absl::string_view) { return datamgr::ClassPreference::kNone; },
        .announce = [this](const std::vector<Arrival>& all) { service_->Announce(all); }});
    service_ = std::make_unique<datamgr::DataService>(
        datamgr::DataService::Deps{.pins = &pins_, .scheduler = scheduler_.get()}, epoch_);
    scheduler_->Start();
    rpc_ = *rpc::Server::Create({.listen = listen,
                                 .credentials = *rpc::MakeServerCredentials(
                                     pki_.FilesOf(kData), rpc::CallPolicy::Cluster(), pins_),
                                 .services = {service_.get()}});
  }
  void StopDatamgr() {
    rpc_->Stop(absl::ZeroDuration());
    scheduler_->Stop();
  }
  void AwaitUp(bool up) {
    AwaitThat([&] { return client_->is_up() == up; });
  }

  template <typename Condition>
  static void AwaitThat(const Condition& condition) {
    const absl::Duration start = RealClock::Get().Elapsed();
    while (!condition() && RealClock::Get().Elapsed() - start < kPatience) {
      absl::Notification never;
      never.WaitForNotificationWithTimeout(absl::Milliseconds(5));
    }
    ASSERT_TRUE(condition());
  }

  std::shared_ptr<Answer> Ask(const std::string& user, v1::DataRequest request,
                              uint64_t session = 0) {
    request.set_user(user);
    request.set_session(session == 0 ? std::hash<std::string>()(user) : session);
    auto answer = std::make_shared<Answer>();
    client_->Ask(std::move(request), [answer](absl::StatusOr<v1::DataResponse> response) {
      answer->response = std::move(response);
      answer->came.Notify();
    });
    return answer;
  }
  static v1::DataRequest CreateFolder(const std::string& path) {
    v1::DataRequest request;
    request.mutable_create_folder()->set_path(path);
    return request;
  }
  static v1::DataRequest CreateFile(const std::string& path) {
    v1::DataRequest request;
    request.mutable_create_file()->set_path(path);
    return request;
  }
  static v1::DataRequest Write(const std::string& path, uint64_t offset, std::string data) {
    v1::DataRequest request;
    request.mutable_write_file()->set_path(path);
    request.mutable_write_file()->set_offset(offset);
    request.mutable_write_file()->set_data(std::move(data));
    return request;
  }
  static v1::DataRequest Read(const std::string& path, uint64_t offset, uint64_t length) {
    v1::DataRequest request;
    request.mutable_read_file()->set_path(path);
    request.mutable_read_file()->set_offset(offset);
    request.mutable_read_file()->set_length(length);
    return request;
  }
  static v1::DataRequest Init(const std::vector<std::string>& to) {
    v1::DataRequest request;
    for (const std::string& name : to) request.mutable_init_message()->add_to(name);
    return request;
  }

  const identity::NodeIdentity kEdge = {Role::kEdge, "edge1"};
  const identity::NodeIdentity kData = {Role::kDatamgr, "data"};
  rpc::TestPki pki_;
  rpc::PinSet pins_;
  disk::FaultyDisk disk_;
  std::unique_ptr<rpc::HighestEpoch> epochs_;
  Epoch epoch_ = 5;
  FakeClock clock_;
  store::HeldStore store_;
  datamgr::MemChunkLayer chunks_;
  FakeUsers users_;
  std::unique_ptr<datamgr::Catalog> catalog_;
  std::unique_ptr<datamgr::RequestScheduler> scheduler_;
  std::unique_ptr<datamgr::DataService> service_;
  std::unique_ptr<rpc::Server> rpc_;
  absl::Mutex mu_;
  std::vector<v1::MessageArrival> arrivals_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<edge::DataClient> client_;
};

TEST_F(DataPathTest, PipelinedRequestsOfASessionAreDoneInOrder) {
  std::vector<std::shared_ptr<Answer>> answers;
  std::string expected;
  answers.push_back(Ask("ann", CreateFolder("/a")));
  answers.push_back(Ask("ann", CreateFile("/a/f")));
  for (int i = 0; i < 50; ++i) {
    const std::string piece(static_cast<size_t>(1000 + i), static_cast<char>('a' + i % 26));
    answers.push_back(Ask("ann", Write("/a/f", expected.size(), piece)));
    expected += piece;
  }
  const auto read = Ask("ann", Read("/a/f", 0, limits::kChunkBytesMax));
  for (const auto& answer : answers) EXPECT_EQ(answer->Code(), "OK");
  EXPECT_EQ(read->Get().data(), expected);
  EXPECT_EQ(Ask("bob", Read("/a/f", 0, 10))->Code(), "DENIED");
}

TEST_F(DataPathTest, WritesThatEndInAnotherOrderAreSeenInTheirs) {
  Ask("ann", CreateFolder("/a"))->Get();
  Ask("ann", CreateFile("/a/f"))->Get();
  chunks_.Hold();
  const auto first = Ask("ann", Write("/a/f", 0, "aaaa"));
  const auto second = Ask("ann", Write("/a/f", 2, "bbbb"));
  const auto read = Ask("ann", Read("/a/f", 0, 10));
  AwaitThat([&] { return chunks_.waiting() == 2; });  // In parallel.
  chunks_.Let(/*newest_first=*/true);
  EXPECT_EQ(first->Get().number(), 4u);
  EXPECT_EQ(second->Get().number(), 6u);
  EXPECT_EQ(read->Get().data(), "aabbbb");
}

TEST_F(DataPathTest, WorkOnManyBytesDoesNotHoldTheCatalogsThread) {
  EXPECT_EQ(Ask("ann", CreateFolder("/a"))->Code(), "OK");
  EXPECT_EQ(Ask("ann", CreateFile("/a/f"))->Code(), "OK");
  chunks_.HoldTasks();
  const auto write = Ask("ann", Write("/a/f", 0, std::string(limits::kChunkBytesMax, 'x')));
  AwaitThat([&] { return chunks_.tasks_waiting() == 1; });
  EXPECT_EQ(Ask("bob", CreateFolder("/b"))->Code(), "OK");
  v1::DataRequest list;
  list.mutable_list_folder()->set_path("/b");
  list.mutable_list_folder()->set_limit(1);
  const auto rows = Ask("bob", list);
  AwaitThat([&] { return chunks_.tasks_waiting() == 2; });  // A long answer is packed there too.
  EXPECT_EQ(Ask("bob", CreateFolder("/b/c"))->Code(), "OK");
  EXPECT_EQ(chunks_.chunks(), 0);
  chunks_.LetTasks();
  EXPECT_EQ(write->Get().number(), limits::kChunkBytesMax);
  EXPECT_EQ(rows->Get().folder().rows_size(), 0);
}

TEST_F(DataPathTest, AFileOfManyTinyPiecesIsJoinedAndCutInParts) {
  EXPECT_EQ(Ask("ann", CreateFolder("/a"))->Code(), "OK");
  EXPECT_EQ(Ask("ann", CreateFile("/a/f"))->Code(), "OK");
  std::string content;
  std::deque<std::shared_ptr<Answer>> answers;
  for (int i = 0; i < 500; ++i) {
    const std::string byte(1, static_cast<char>('a' + i % 26));
    answers.push_back(Ask("ann", Write("/a/f", content.size(), byte)));
    content += byte;
  }
  for (const auto& answer : answers) ASSERT_EQ(answer->Code(), "OK");
  // The clock stands still, so only joined pieces can be added.
  AwaitThat([&] { return chunks_.chunks() > 501; });
  AwaitThat([&] {
    clock_.Advance(absl::Minutes(6));  // The grace of the old pieces ends.
    return chunks_.chunks() < 100;
  });
  EXPECT_EQ(Ask("ann", Read("/a/f", 0, limits::kChunkBytesMax))->Get().data(), content);
  v1::DataRequest cut;
  cut.mutable_truncate_file()->set_path("/a/f");
  cut.mutable_truncate_file()->set_bytes(100);
  const auto truncated = Ask("ann", cut);
  const auto written = Ask("ann", Write("/a/f", 100, "!"));
  EXPECT_EQ(truncated->Code(), "OK");
  EXPECT_EQ(written->Code(), "OK");
  EXPECT_EQ(Ask("ann", Read("/a/f", 0, limits::kChunkBytesMax))->Get().data(),
            content.substr(0, 100) + "!");
}

TEST_F(DataPathTest, OneRequestDoesNotWaitForTheSyncOfAnotherAndNoneIsAnsweredBeforeIt) {
  Ask("ann", CreateFolder("/a"))->Get();
  Ask("ann", CreateFile("/a/f"))->Get();
  store_.Hold();
  const auto written = Ask("ann", Write("/a/f", 0, "12345"));
  const auto made = Ask("ann", CreateFile("/a/g"));
  const auto again = Ask("ann", CreateFile("/a/g"), /*session=*/1);
  const auto read = Ask("ann", Read("/a/f", 0, 10));
  const auto other = Ask("bob", CreateFolder("/b"));
  AwaitThat([&] { return store_.waiting() == 3; });  // Two of ann and one of bob.
  for (const auto& answer : {written, made, again, read, other}) {
    EXPECT_FALSE(answer->came.HasBeenNotified());
  }
  store_.Let();
  EXPECT_EQ(written->Get().number(), 5u);
  // Exactly one of the two made the folder.
  EXPECT_TRUE((made->Code() == "OK") != (again->Code() == "OK"));
  EXPECT_EQ(read->Get().data(), "12345");
  EXPECT_EQ(other->Code(), "OK");
}

TEST_F(DataPathTest, AHashIsThereAtOnceOrFoundOutAndAVersionReadsOneContentOnly) {
  Ask("ann", CreateFolder("/a"))->Get();
  Ask("ann", CreateFile("/a/whole"))->Get();
  Ask("ann", CreateFile("/a/pieces"))->Get();
  const std::string mib(limits::kChunkBytesMax, 'm');
  v1::DataRequest info;
  info.mutable_get_info()->set_path("/a/whole");
  Ask("ann", Write("/a/whole", 0, mib))->Get();
  Ask("ann", Write("/a/whole", mib.size(), "end"))->Get();
  const v1::FileFacts whole = Ask("ann", info)->Get().facts();
  EXPECT_EQ(absl::BytesToHexString(whole.hash()), HexTreeHash(mib + "end"));
  std::string content;
  for (int i = 0; i < 30; ++i) {
    const std::string piece(70'000, static_cast<char>('a' + i % 26));
    Ask("ann", Write("/a/pieces", content.size(), piece))->Get();
    content += piece;
  }
  info.mutable_get_info()->set_path("/a/pieces");
  AwaitThat([&] { return !Ask("ann", info)->Get().facts().hash().empty(); });
  EXPECT_EQ(absl::BytesToHexString(Ask("ann", info)->Get().facts().hash()), HexTreeHash(content));

  v1::DataRequest read = Read("/a/whole", 0, 10);
  read.mutable_read_file()->set_version(whole.version());
  EXPECT_EQ(Ask("ann", read)->Get().data(), "mmmmmmmmmm");
  v1::DataRequest move;
  move.mutable_move()->set_from("/a/pieces");
  move.mutable_move()->set_to("/a/whole");
  EXPECT_EQ(Ask("ann", move)->Code(), "EXISTS");
  move.mutable_move()->set_replace(true);
  EXPECT_EQ(Ask("ann", move)->Code(), "OK");
  EXPECT_EQ(Ask("ann", read)->Code(), "NOTFOUND");
  EXPECT_EQ(Ask("ann", Read("/a/whole", 0, 3))->Get().data(), "aaa");
}

TEST_F(DataPathTest, AHashThatCannotBeFoundOutNowIsWhenSomebodyAsksAgain) {
  Ask("ann", CreateFolder("/a"))->Get();
  Ask("ann", CreateFile("/a/f"))->Get();
  Ask("ann", Write("/a/f", 0, "one"))->Get();
  Ask("ann", Write("/a/f", 3, "two"))->Get();
  v1::DataRequest info;
  info.mutable_get_info()->set_path("/a/f");
  chunks_.FailWith(Fail(FailCode::kUnavailable, "disk1 is away"), /*reads_too=*/true);
  EXPECT_EQ(Ask("ann", Read("/a/f", 0, 1))->Code(), "UNAVAILABLE");
  EXPECT_NE(Ask("ann", info)->Code(), "no answer");
  chunks_.FailWith(absl::OkStatus());
  AwaitThat([&] { return !Ask("ann", info)->Get().facts().hash().empty(); });
  EXPECT_EQ(absl::BytesToHexString(Ask("ann", info)->Get().facts().hash()), HexTreeHash("onetwo"));
}

TEST_F(DataPathTest, OfSomebodyWhoDoesNotExistNothingIsListed) {
  const auto list = [&](const std::string& whose) {
    v1::DataRequest request;
    request.mutable_list_metadata()->set_user(whose);
    return Ask("ann", request)->Code();
  };
  EXPECT_EQ(list("bob"), "OK");
  EXPECT_EQ(list("ann"), "OK");
  EXPECT_EQ(list("nobody"), "NOTFOUND");
  EXPECT_EQ(list("no body"), "BADFIELD");
}

TEST_F(DataPathTest, WhatTheDiskLostIsAcknowledgedToNobody) {
  Ask("ann", CreateFolder("/a"))->Get();
  store_.Hold();
  const auto made = Ask("ann", CreateFile("/a/f"));
  const auto written = Ask("ann", Write("/a/f", 0, "12345"));
  const auto read = Ask("ann", Read("/a/f", 0, 10));
  AwaitThat([&] { return store_.waiting() == 2; });
  store_.BreakNextCommit(/*done=*/false);
  store_.Let();
  EXPECT_EQ(made->Code(), "UNCONFIRMED");
  EXPECT_EQ(written->Code(), "UNAVAILABLE");
  EXPECT_EQ(read->Code(), "UNAVAILABLE");
  EXPECT_EQ(Ask("ann", Read("/a/f", 0, 10))->Code(), "NOTFOUND");
  EXPECT_EQ(Ask("ann", CreateFile("/a/f"))->Code(), "UNAVAILABLE");
}

TEST_F(DataPathTest, WhatDataServersCannotTakeFailsAndLeavesNothing) {
  Ask("ann", CreateFolder("/a"))->Get();
  Ask("ann", CreateFile("/a/f"))->Get();
  chunks_.FailWith(Fail(FailCode::kNoSpace, "add servers"));
  EXPECT_EQ(Ask("ann", Write("/a/f", 0, "x"))->Code(), "NOSPACE");
  EXPECT_EQ(Ask("ann", Write("/a/f", 0, ""))->Code(), "OK");
  chunks_.FailWith(absl::OkStatus());
  EXPECT_EQ(Ask("ann", Write("/a/f", 5, "x"))->Code(), "BADFIELD");
  EXPECT_EQ(Ask("ann", Write("/a/nix", 0, "x"))->Code(), "NOTFOUND");
  EXPECT_EQ(Ask("ann", Write("/a/f", 0, std::string(limits::kChunkBytesMax + 1, 'x')))->Code(),
            "BADFIELD");
  EXPECT_EQ(chunks_.chunks(), 0u);  // The write past the end was released.
  EXPECT_EQ(Ask("ann", Write("/a/f", 0, std::string(limits::kChunkBytesMax, 'x')))->Code(), "OK");
  EXPECT_EQ(Ask("ann", Read("/a/f", 0, limits::kChunkBytesMax))->Get().data().size(),
            limits::kChunkBytesMax);
  chunks_.FailWith(Fail(FailCode::kUnavailable, "disk1 is away"), /*reads_too=*/true);
  EXPECT_EQ(Ask("ann", Read("/a/f", 0, 1))->Code(), "UNAVAILABLE");
}

TEST_F(DataPathTest, MessagesArriveAndThoseWhoDoNotExistGetNone) {
  EXPECT_EQ(Ask("ann", Init({"bob", "nobody"}))->Code(), "NOSUCHUSER");
  EXPECT_EQ(Ask("ann", Init({"no way"}))->Code(), "BADFIELD");
  const uint64_t draft = Ask("ann", Init({"Bob"}))->Get().number();
  v1::DataRequest append;
  append.mutable_append_message()->set_draft(draft);
  append.mutable_append_message()->set_data("hello");
  v1::DataRequest send;
  send.mutable_send_message()->set_draft(draft);
  const auto appended = Ask("ann", append);
  const auto sent = Ask("ann", send);  // It does not wait for the append.
  EXPECT_EQ(appended->Get().number(), 5u);
  sent->Get();
  EXPECT_EQ(Ask("ann", send)->Code(), "NOTFOUND");
  v1::DataRequest list;
  list.mutable_list_messages()->set_limit(10);
  const auto rows = Ask("bob", list);
  ASSERT_EQ(rows->Get().messages().rows_size(), 1);
  EXPECT_EQ(rows->Get().messages().rows(0).bytes(), 5u);
  list.mutable_list_messages()->set_limit(0);
  EXPECT_EQ(Ask("bob", list)->Code(), "BADFIELD");
  v1::DataRequest read;
  read.mutable_read_message()->set_message(rows->Get().messages().rows(0).id());
  read.mutable_read_message()->set_length(100);
  EXPECT_EQ(Ask("bob", read)->Get().data(), "hello");
  EXPECT_EQ(Ask("cid", read)->Code(), "NOTFOUND");
  absl::MutexLock lock(&mu_);
  const auto arrived = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !arrivals_.empty(); };
  ASSERT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&arrived), kPatience));
  EXPECT_EQ(arrivals_[0].user(), "bob");
  EXPECT_EQ(arrivals_[0].message().from(), "ann");
}

TEST_F(DataPathTest, PermissionsInfoAndMetadata) {
  Ask("ann", CreateFolder("/a"))->Get();
  v1::DataRequest share;
  share.mutable_set_permissions()->set_path("/a");
  share.mutable_set_permissions()->set_who("nobody");
  share.mutable_set_permissions()->set_right("read");
  EXPECT_EQ(Ask("ann", share)->Code(), "NOSUCHUSER");
  share.mutable_set_permissions()->set_who("bob");
  share.mutable_set_permissions()->set_right("some");
  EXPECT_EQ(Ask("ann", share)->Code(), "BADFIELD");
  share.mutable_set_permissions()->set_right("write");
  EXPECT_EQ(Ask("ann", share)->Code(), "OK");
  Ask("bob", CreateFile("/a/f"))->Get();
  Ask("bob", Write("/a/f", 0, "12345"))->Get();
  v1::DataRequest info;
  info.mutable_get_info()->set_path("/a/f");
  const v1::FileFacts facts = Ask("ann", info)->Get().facts();
  EXPECT_EQ(facts.bytes(), 5u);
  EXPECT_EQ(facts.owner(), "bob");
  EXPECT_EQ(facts.right(), "admin");
  EXPECT_EQ(facts.permissions_size(), 3);  // *, ann, bob.
  ASSERT_EQ(facts.volumes_size(), 1);
  EXPECT_EQ(facts.volumes(0).servers_online(0), "memory");
  v1::DataRequest set;
  set.mutable_set_metadata()->set_key("colour");
  set.mutable_set_metadata()->set_value("blue");
  EXPECT_EQ(Ask("ann", set)->Code(), "OK");
  v1::DataRequest get;
  get.mutable_get_metadata()->set_user("ANN");
  get.mutable_get_metadata()->set_key("colour");
  EXPECT_EQ(Ask("bob", get)->Get().data(), "blue");
  EXPECT_EQ(Ask("bob", v1::DataRequest())->Code(), "UNKNOWNCOMMAND");
}

TEST_F(DataPathTest, WithoutDatamgrStorageIsDownAtOnceAndLaterGoesOn) {
  Ask("ann", CreateFolder("/a"))->Get();
  const std::string address = rpc_->address();
  StopDatamgr();
  AwaitUp(false);
  EXPECT_EQ(Ask("ann", CreateFolder("/b"))->Code(), "STORAGEDOWN");
  StartDatamgr(address);
  AwaitUp(true);
  EXPECT_EQ(Ask("ann", CreateFolder("/a"))->Code(), "EXISTS");
  EXPECT_EQ(Ask("ann", CreateFolder("/b"))->Code(), "OK");
}

// A datamgr at another address that never answers. It counts the streams and requests that it gets.
class EarlierDatamgr final : public v1::Data::CallbackService {
 public:
  EarlierDatamgr(const rpc::PinSet* pins, Epoch epoch) : pins_(*pins), epoch_(epoch) {}
  int streams() const { return streams_; }
  int requests() const { return requests_; }

  grpc::ServerBidiReactor<v1::DataFromEdge, v1::DataToEdge>* Serve(
      grpc::CallbackServerContext* context) override {
    ++streams_;
    auto stream = std::make_shared<Stream>(context, &requests_);
    auto* const reactor = stream->Start(pins_, rpc::PeerOf(*context)->pin);
    v1::DataToEdge greeting;
    greeting.set_epoch(epoch_);
    v1::MessageArrival* const arrival = greeting.add_arrivals();
    arrival->set_user("ann");
    (void)stream->Send(std::move(greeting));
    return reactor;
  }

 private:
  class Stream final : public rpc::ServerStream<v1::DataFromEdge, v1::DataToEdge> {
   public:
    Stream(grpc::CallbackServerContext* context, std::atomic<int>* requests)
        : ServerStream(context, {.queue_bytes_max = 1 << 20}), requests_(*requests) {}

   private:
    void OnMessage(v1::DataFromEdge& message) override { requests_ += message.requests_size(); }
    void OnClosed(const absl::Status&) override {}

    std::atomic<int>& requests_;
  };

  const rpc::PinSet& pins_;
  const Epoch epoch_;
  std::atomic<int> streams_ = 0;
  std::atomic<int> requests_ = 0;
};

TEST_F(DataPathTest, ADatamgrThatWasReplacedIsAskedNothingAndNotBelieved) {
  const std::string address = rpc_->address();
  StopDatamgr();
  AwaitUp(false);
  EarlierDatamgr earlier(&pins_, epoch_ - 1);
  const auto server =
      *rpc::Server::Create({.listen = "127.0.0.1:0",
                            .credentials = *rpc::MakeServerCredentials(
                                pki_.FilesOf(kData), rpc::CallPolicy::Cluster(), pins_),
                            .services = {&earlier}});
  client_->SetDatamgr("data", server->address());
  AwaitThat([&] {
    EXPECT_EQ(Ask("ann", CreateFolder("/a"))->Code(), "STORAGEDOWN");
    return earlier.streams() >= 2;
  });
  EXPECT_EQ(earlier.requests(), 0);
  {
    absl::MutexLock lock(&mu_);
    EXPECT_TRUE(arrivals_.empty());
  }
  client_->SetDatamgr("data", address);
  ++epoch_;
  StartDatamgr(address);
  AwaitUp(true);
  EXPECT_EQ(Ask("ann", CreateFolder("/a"))->Code(), "OK");
}

TEST_F(DataPathTest, WhatAnOlderStreamAskedIsNotDoneAfterANewerOneIsThere) {
  Ask("ann", CreateFolder("/a"))->Get();
  Ask("ann", CreateFile("/a/f"))->Get();
  chunks_.Hold();
  // A second stream of the same edge, as after a cut that datamgr has not noticed.
  const auto stub = v1::Data::NewStub(
      rpc::MakeChannel(rpc_->address(), pki_.FilesOf(kEdge), {Role::kDatamgr, "data"}, &pins_));
  grpc::ClientContext context;
  const auto older = stub->Serve(&context);
  v1::DataToEdge greeting;
  ASSERT_TRUE(older->Read(&greeting));
  v1::DataFromEdge asked;
  *asked.add_requests() = Write("/a/f", 0, "old");
  asked.mutable_requests(0)->set_user("ann");
  ASSERT_TRUE(older->Write(asked));
  AwaitThat([&] { return chunks_.waiting() == 1; });
  // The second stream ended the client's stream; the client connects again.
  AwaitThat([&] { return Ask("ann", Read("/a/f", 0, 10))->Code() == "OK"; });
  chunks_.Let();
  AwaitThat([&] { return chunks_.chunks() == 0; });  // Released.
  EXPECT_EQ(Ask("ann", Read("/a/f", 0, 10))->Get().data(), "");
  v1::DataToEdge nothing;
  EXPECT_FALSE(older->Read(&nothing));
  EXPECT_FALSE(older->Finish().ok());
}

TEST_F(DataPathTest, AStoppingDatamgrFinishesWhatIsUnderWayAndTakesNoMore) {
  Ask("ann", CreateFolder("/a"))->Get();
  Ask("ann", CreateFile("/a/f"))->Get();
  chunks_.Hold();
  const auto written = Ask("ann", Write("/a/f", 0, "12345"));
  AwaitThat([&] { return chunks_.waiting() == 1; });
  std::thread stopping([this] {
    EXPECT_TRUE(scheduler_->Drain(kPatience));
    service_->CloseStreams(Fail(FailCode::kStorageDown, "it stops"), kPatience);
  });
  AwaitThat([&] { return Ask("bob", CreateFolder("/b"))->Code() == "STORAGEDOWN"; });
  EXPECT_FALSE(written->came.HasBeenNotified());
  chunks_.Let();
  stopping.join();
  EXPECT_EQ(written->Get().number(), 5u);
}

TEST_F(DataPathTest, WhatADatamgrThatEndsInOrderHasNotAnsweredWasNotDone) {
  Ask("ann", CreateFolder("/a"))->Get();
  Ask("ann", CreateFile("/a/f"))->Get();
  chunks_.Hold();
  const auto first = Ask("ann", Write("/a/f", 0, "12345"));
  AwaitThat([&] { return chunks_.waiting() == 1; });
  service_->CloseStreams(Fail(FailCode::kStorageDown, "it stops"), kPatience);
  EXPECT_EQ(first->Code(), "STORAGEDOWN");
  AwaitUp(true);
  const auto second = Ask("ann", Write("/a/f", 0, "12345"));
  AwaitThat([&] { return chunks_.waiting() == 2; });
  service_->CloseStreams(absl::UnavailableError("it stops"), kPatience);
  EXPECT_EQ(second->Code(), "UNCONFIRMED");
  chunks_.Let();
}

TEST_F(DataPathTest, DeletedFilesGiveTheirChunksBackAfterTheGrace) {
  Ask("ann", CreateFolder("/a"))->Get();
  Ask("ann", CreateFile("/a/f"))->Get();
  for (int i = 0; i < 100; ++i) Ask("ann", Write("/a/f", static_cast<uint64_t>(i), "x"));
  v1::DataRequest remove;
  remove.mutable_delete_folder()->set_path("/a");
  remove.mutable_delete_folder()->set_recursive(true);
  EXPECT_EQ(Ask("ann", remove)->Code(), "OK");
  EXPECT_EQ(chunks_.chunks(), 100u);
  const absl::Duration start = RealClock::Get().Elapsed();
  while (chunks_.chunks() > 0 && RealClock::Get().Elapsed() - start < kPatience) {
    clock_.Advance(absl::Minutes(10));  // Everything in the trash is due now.
    absl::Notification never;
    never.WaitForNotificationWithTimeout(absl::Milliseconds(20));
  }
  EXPECT_EQ(chunks_.chunks(), 0u);
}

}  // namespace
}  // namespace convergia
