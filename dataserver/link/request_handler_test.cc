// The handler's requests when a later start of datamgr comes.
#include "dataserver/link/request_handler.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/base/testing/status_testing.h"
#include "common/disk/testing/faulty_disk.h"
#include "dataserver/testing/store_testing.h"

namespace convergia::dataserver {
namespace {

v1::ChunkRequest Drop(uint64_t volume) {
  v1::ChunkRequest request;
  request.mutable_drop_volume()->set_volume(volume);
  return request;
}

v1::ChunkRequest ListVolumes() {
  v1::ChunkRequest request;
  request.mutable_list_volumes();
  return request;
}

class RequestHandlerTest : public testing::Test {
 protected:
  RequestHandlerTest() {
    auto store = ChunkStore::Open(SmallStore(disk_, "/d"));
    EXPECT_OK(store);
    store_ = *std::move(store);
    EXPECT_OK(PutNow(*store_, {1, 1}, "hello"));
    handler_ = std::make_unique<ChunkRequestHandler>(
        ChunkRequestHandler::Options{.store = store_.get(), .threads = 1, .window_bytes = 1 << 20});
  }
  ~RequestHandlerTest() override {
    handler_->Stop();
    store_->Stop();
  }

  // Keeps the handler's thread busy with a request of `epoch` until Free().
  void Block(Epoch epoch) {
    absl::Notification begun;
    handler_->Handle(epoch, ListVolumes(), [&](const v1::ChunkResponse&) {
      begun.Notify();
      free_.WaitForNotification();
    });
    begun.WaitForNotification();
  }
  void Free() { free_.Notify(); }

  // Sends `request`. Its answer adds "<what>: OK", or the FAIL code, to the answers.
  void Ask(Epoch epoch, v1::ChunkRequest request, const std::string& what) {
    handler_->Handle(epoch, std::move(request), [this, what](const v1::ChunkResponse& response) {
      absl::MutexLock lock(&mu_);
      answers_.push_back(what + ": " +
                         (response.has_error() ? response.error().fail_code() : "OK"));
      volumes_ = response.list_volumes().volumes_size();
    });
  }
  std::vector<std::string> Await(size_t count) {
    absl::MutexLock lock(&mu_);
    const auto there = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return answers_.size() >= count; };
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&there), absl::Seconds(30)));
    return answers_;
  }
  int volumes() {
    absl::MutexLock lock(&mu_);
    return volumes_;
  }

  disk::FaultyDisk disk_;
  std::unique_ptr<ChunkStore> store_;
  std::unique_ptr<ChunkRequestHandler> handler_;
  absl::Notification free_;
  absl::Mutex mu_;
  std::vector<std::string> answers_ ABSL_GUARDED_BY(mu_);
  int volumes_ ABSL_GUARDED_BY(mu_) = -1;  // In the last answer.
};

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(RequestHandlerTest, WhatWaitsUnderALowerEpochIsNotDone) {
  Block(/*epoch=*/1);
  Ask(1, Drop(1), "old");
  handler_->Raise(2);
  Ask(2, ListVolumes(), "new");
  EXPECT_THAT(Await(0), IsEmpty());  // A request of the old datamgr is still under way.
  Free();
  EXPECT_THAT(Await(2), ElementsAre("old: UNAVAILABLE", "new: OK"));
  EXPECT_EQ(volumes(), 1);
}

TEST_F(RequestHandlerTest, WithoutALaterDatamgrItIsDone) {
  Block(1);
  Ask(1, Drop(1), "drop");
  Ask(1, ListVolumes(), "list");
  Free();
  EXPECT_THAT(Await(2), testing::Contains("drop: OK"));
}

TEST_F(RequestHandlerTest, WhatComesUnderALowerEpochIsRefused) {
  handler_->Raise(2);
  Ask(1, Drop(1), "old");
  EXPECT_THAT(Await(1), ElementsAre("old: UNAVAILABLE"));
  Ask(2, ListVolumes(), "new");
  Await(2);
  EXPECT_EQ(volumes(), 1);
}

TEST_F(RequestHandlerTest, WhatIsHeldForTheNextCanBeOvertakenItself) {
  Block(1);
  Ask(2, Drop(1), "second");
  Ask(3, ListVolumes(), "third");
  Free();
  EXPECT_THAT(Await(2), ElementsAre("second: UNAVAILABLE", "third: OK"));
  EXPECT_EQ(volumes(), 1);
}

TEST_F(RequestHandlerTest, DrainWaitsForWhatIsHeld) {
  Block(1);
  Ask(2, ListVolumes(), "new");
  Free();
  EXPECT_TRUE(handler_->Drain(absl::Seconds(30)));
  EXPECT_THAT(Await(1), ElementsAre("new: OK"));
}

}  // namespace
}  // namespace convergia::dataserver
