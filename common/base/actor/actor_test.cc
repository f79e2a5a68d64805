#include "common/base/actor/actor.h"

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace convergia {
namespace {

// Runs tasks when the test says so.
class ManualExecutor final : public Executor {
 public:
  void Post(Task task) override { tasks.push_back(std::move(task)); }
  void PostAfter(absl::Duration delay, Task task) override {
    timers.push_back({delay, std::move(task)});
  }
  void RunTasks() {
    while (!tasks.empty()) {
      Task task = std::move(tasks.front());
      tasks.pop_front();
      std::move(task)();
    }
  }
  void FireTimer() {
    ASSERT_FALSE(timers.empty());
    Task task = std::move(timers.front().second);
    timers.pop_front();
    std::move(task)();
  }

  std::deque<Task> tasks;
  std::deque<std::pair<absl::Duration, Task>> timers;
};

class ActorTest : public testing::Test {
 protected:
  Actor::Options Counting(absl::Duration wait) {
    return {.turn = [this, wait](absl::Duration, bool is_last) {
      ++turns_;
      last_ |= is_last;
      return wait;
    }};
  }

  FakeClock clock_;
  ManualExecutor manual_;
  int turns_ = 0;
  bool last_ = false;
};

TEST_F(ActorTest, EventsOfOneBatchShareATaskAndATurn) {
  ThreadExecutor thread;
  Actor actor({&thread, &clock_}, Counting(absl::InfiniteDuration()));
  std::vector<int> seen;
  for (int i = 0; i < 1000; ++i) actor.Post([&seen, i] { seen.push_back(i); });
  actor.Start();
  actor.Stop();
  ASSERT_EQ(seen.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[i], i);
  EXPECT_LE(turns_, 2);
  EXPECT_TRUE(last_);
}

TEST_F(ActorTest, RefusesPastItsBoundButTakesWhatIsUrgent) {
  ThreadExecutor thread;
  Actor::Options options = Counting(absl::InfiniteDuration());
  options.events_max = 2;
  Actor actor({&thread, &clock_}, std::move(options));
  int ran = 0;
  EXPECT_TRUE(actor.Post([&ran] { ++ran; }));
  EXPECT_TRUE(actor.Post([&ran] { ++ran; }));
  EXPECT_FALSE(actor.Post([&ran] { ++ran; }));
  EXPECT_TRUE(actor.PostUrgent([&ran] { ++ran; }));
  actor.Start();
  actor.Stop();
  EXPECT_EQ(ran, 3);
  EXPECT_FALSE(actor.Post([] {}));
  EXPECT_FALSE(actor.PostUrgent([] {}));
}

TEST_F(ActorTest, DropsEventsAtStopWhenTold) {
  Actor::Options options = Counting(absl::InfiniteDuration());
  options.drops_events_at_stop = true;
  ThreadExecutor thread;
  absl::Notification busy, go;
  bool ran = false;
  Actor actor({&thread, &clock_}, std::move(options));
  thread.Post([&] {
    busy.Notify();
    go.WaitForNotification();
  });
  busy.WaitForNotification();
  actor.Start();
  actor.Post([&ran] { ran = true; });
  ThreadExecutor stopper;
  absl::Notification stopped;
  stopper.Post([&] {
    actor.Stop();
    stopped.Notify();
  });
  while (actor.PostUrgent([&ran] { ran = true; })) {
  }
  go.Notify();
  stopped.WaitForNotification();
  EXPECT_FALSE(ran);
}

TEST_F(ActorTest, ATurnComesWhenItsTimeHasComeAndATimerThatFiresEarlyIsArmedAgain) {
  auto actor = std::make_unique<Actor>(Actor::Deps{&manual_, &clock_}, Counting(absl::Seconds(1)));
  actor->Start();
  manual_.RunTasks();
  EXPECT_EQ(turns_, 1);
  ASSERT_EQ(manual_.timers.size(), 1u);
  EXPECT_EQ(manual_.timers.front().first, absl::Seconds(1));

  clock_.Advance(absl::Milliseconds(600));
  actor->Wake();
  manual_.RunTasks();
  EXPECT_EQ(turns_, 2);
  EXPECT_EQ(manual_.timers.size(), 1u) << "one timer is enough";

  clock_.Advance(absl::Milliseconds(400));
  manual_.FireTimer();
  EXPECT_EQ(turns_, 2) << "the next turn is due 600 ms later";
  ASSERT_EQ(manual_.timers.size(), 1u);
  EXPECT_EQ(manual_.timers.front().first, absl::Milliseconds(600));

  clock_.Advance(absl::Milliseconds(600));
  manual_.FireTimer();
  EXPECT_EQ(turns_, 3);

  ThreadExecutor stopper;
  absl::Notification stopped;
  stopper.Post([&] {
    actor->Stop();
    stopped.Notify();
  });
  while (actor->PostUrgent([] {})) {
  }
  manual_.RunTasks();
  stopped.WaitForNotification();
  actor.reset();
  EXPECT_TRUE(last_);
  manual_.FireTimer();  // Finds the actor gone.
  EXPECT_EQ(turns_, 4);
}

TEST(ThreadExecutorTest, RunsTimersInTheOrderOfTheirTimes) {
  std::vector<int> order;
  absl::Notification done;
  ThreadExecutor thread;
  thread.Post([&] {
    thread.PostAfter(absl::Milliseconds(2), [&] {
      order.push_back(3);
      done.Notify();
    });
    thread.PostAfter(absl::Milliseconds(1), [&] { order.push_back(2); });
    order.push_back(1);
  });
  done.WaitForNotification();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(ThreadExecutorTest, RunsWhatWasPostedAndDropsTimersAtItsEnd) {
  int ran = 0;
  bool timer = false;
  {
    ThreadExecutor thread;
    thread.PostAfter(absl::Hours(1), [&timer] { timer = true; });
    for (int i = 0; i < 100; ++i) thread.Post([&ran] { ++ran; });
  }
  EXPECT_EQ(ran, 100);
  EXPECT_FALSE(timer);
}

}  // namespace
}  // namespace convergia
