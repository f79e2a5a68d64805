#include "edge/relay/channel/relay_channel.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"

namespace convergia::edge {
namespace {

constexpr size_t kBytesMax = 1024 * 1024;

MessageId Id(uint64_t slot) { return {.slot = static_cast<uint32_t>(slot)}; }

Envelope Text(absl::string_view body) {
  return {.from = "alice", .to = "bob", .time_ms = 1, .body = std::string(body)};
}

IncomingSegment Copy(const OutgoingSegment& out) {
  IncomingSegment in{.origin_epoch = out.origin_epoch,
                     .destination_epoch = out.destination_epoch,
                     .first_sequence = out.first_sequence,
                     .answered_below = out.answered_below,
                     .acknowledged = out.acknowledged,
                     .first_result = out.first_result,
                     .results = out.results};
  for (const Envelope* envelope : out.envelopes) in.envelopes.push_back(*envelope);
  return in;
}

// Two channels that know one another, and a wire that the test works by hand.
class RelayChannelTest : public testing::Test {
 protected:
  RelayChannelTest() {
    RelayChannel::Actions ignored;
    a_.OnPeerEpoch(20, now_, &ignored);
    b_.OnPeerEpoch(10, now_, &ignored);
  }

  IncomingSegment TakeFrom(RelayChannel& channel) {
    EXPECT_TRUE(channel.HasNext());
    return Copy(channel.Next(kBytesMax, now_));
  }

  // Gives `segment` to `channel` and delivers to one session all that comes out.
  RelayChannel::Actions Give(RelayChannel& channel, const IncomingSegment& segment) {
    RelayChannel::Actions actions;
    channel.OnSegment(segment, now_, &actions);
    for (const auto& delivery : actions.deliveries) {
      bodies_.push_back(delivery.envelope.body);
      channel.OnResult(actions.delivery_epoch, delivery.sequence, {.sessions = 1});
    }
    return actions;
  }

  absl::Duration now_ = absl::Seconds(100);
  RelayChannel a_{10, {}};
  RelayChannel b_{20, {}};
  std::vector<std::string> bodies_;
};

using Bodies = std::vector<std::string>;

TEST_F(RelayChannelTest, DeliversAllThatWaitedInOneSegmentAndAnswersEach) {
  ASSERT_TRUE(a_.Offer(Id(1), Text("one"), now_));
  ASSERT_TRUE(a_.Offer(Id(2), Text("two"), now_));
  EXPECT_FALSE(Give(b_, TakeFrom(a_)).refused);
  EXPECT_FALSE(a_.HasNext());
  EXPECT_EQ(bodies_, Bodies({"one", "two"}));
  const RelayChannel::Actions actions = Give(a_, TakeFrom(b_));
  ASSERT_EQ(actions.answers.size(), 2);
  EXPECT_EQ(actions.answers[0].message, Id(1));
  EXPECT_EQ(actions.answers[1].message, Id(2));
  EXPECT_EQ(actions.answers[1].result.sessions, 1);
  EXPECT_EQ(a_.sender().waiting_count(), 0);
  EXPECT_EQ(a_.sender().waiting_bytes(), 0);
  EXPECT_FALSE(b_.HasNext());
}

TEST_F(RelayChannelTest, DropsWhatItHasSeenAndTellsTheResultAgain) {
  ASSERT_TRUE(a_.Offer(Id(1), Text("one"), now_));
  const IncomingSegment segment = TakeFrom(a_);
  Give(b_, segment);
  TakeFrom(b_);  // Lost.
  a_.Resend(now_);
  Give(b_, TakeFrom(a_));
  EXPECT_EQ(bodies_, Bodies({"one"}));
  EXPECT_EQ(b_.receiver().duplicate_count(), 1);
  EXPECT_EQ(Give(a_, TakeFrom(b_)).answers.size(), 1);
}

TEST_F(RelayChannelTest, TakesOnlyTheNextInOrder) {
  ASSERT_TRUE(a_.Offer(Id(1), Text("one"), now_));
  TakeFrom(a_);  // Lost.
  ASSERT_TRUE(a_.Offer(Id(2), Text("two"), now_));
  Give(b_, TakeFrom(a_));
  EXPECT_TRUE(bodies_.empty());
  a_.Resend(now_);
  Give(b_, TakeFrom(a_));
  EXPECT_EQ(bodies_, Bodies({"one", "two"}));
}

TEST_F(RelayChannelTest, AsksForResultsThatWereLost) {
  ASSERT_TRUE(a_.Offer(Id(1), Text("one"), now_));
  RelayChannel::Actions actions;
  b_.OnSegment(TakeFrom(a_), now_, &actions);  // Delivered, the result is not known yet.
  a_.Resend(now_);
  Give(b_, TakeFrom(a_));
  EXPECT_TRUE(Give(a_, TakeFrom(b_)).answers.empty());
  b_.OnResult(10, 1, {.fail = FailCode::kOffline});
  TakeFrom(b_);  // Lost.
  now_ += limits::kRelayRetryFirst;
  a_.OnTimer(now_, &actions);
  const IncomingSegment question = TakeFrom(a_);
  EXPECT_EQ(question.first_sequence, 2);
  EXPECT_TRUE(question.envelopes.empty());
  Give(b_, question);
  const auto answers = Give(a_, TakeFrom(b_)).answers;
  ASSERT_EQ(answers.size(), 1);
  EXPECT_EQ(answers[0].result.fail, FailCode::kOffline);
}

TEST_F(RelayChannelTest, AfterTenSecondsAnswersUnconfirmedAndWithdraws) {
  ASSERT_TRUE(a_.Offer(Id(1), Text("one"), now_));
  TakeFrom(a_);  // Lost.
  now_ += limits::kUnconfirmedAfter;
  RelayChannel::Actions actions;
  a_.OnTimer(now_, &actions);
  ASSERT_EQ(actions.answers.size(), 1);
  EXPECT_EQ(actions.answers[0].result.fail, FailCode::kUnconfirmed);
  ASSERT_TRUE(a_.Offer(Id(2), Text("two"), now_));
  Give(b_, TakeFrom(a_));
  EXPECT_EQ(bodies_, Bodies({"two"}));
  const auto answers = Give(a_, TakeFrom(b_)).answers;
  ASSERT_EQ(answers.size(), 1);
  EXPECT_EQ(answers[0].message, Id(2));
}

TEST_F(RelayChannelTest, WhatWasNeverSentIsUnroutableInTheEnd) {
  ASSERT_TRUE(a_.Offer(Id(1), Text("one"), now_));
  now_ += limits::kUnconfirmedAfter;
  RelayChannel::Actions actions;
  a_.OnTimer(now_, &actions);
  ASSERT_EQ(actions.answers.size(), 1);
  EXPECT_EQ(actions.answers[0].result.fail, FailCode::kUnroutable);
  EXPECT_FALSE(a_.HasNext());
}

TEST_F(RelayChannelTest, RestartOfTheOtherMakesWhatWasSentUnconfirmedAndTheRestGoesToTheNewStart) {
  ASSERT_TRUE(a_.Offer(Id(1), Text("sent"), now_));
  TakeFrom(a_);
  ASSERT_TRUE(a_.Offer(Id(2), Text("queued"), now_));
  RelayChannel restarted(21, {});
  Give(restarted, TakeFrom(a_));  // Meant for start 20: not taken, answered with the new start.
  EXPECT_TRUE(bodies_.empty());
  const auto answers = Give(a_, TakeFrom(restarted)).answers;
  ASSERT_EQ(answers.size(), 2);  // Both had been sent.
  EXPECT_EQ(answers[0].result.fail, FailCode::kUnconfirmed);
  ASSERT_TRUE(a_.Offer(Id(3), Text("new"), now_));
  Give(restarted, TakeFrom(a_));
  EXPECT_EQ(bodies_, Bodies({"new"}));
}

TEST_F(RelayChannelTest, RestartOfTheOriginBeginsAnewAndOldSegmentsAreIgnored) {
  ASSERT_TRUE(a_.Offer(Id(1), Text("old"), now_));
  const IncomingSegment old = TakeFrom(a_);
  RelayChannel restarted(11, {});
  RelayChannel::Actions ignored;
  restarted.OnPeerEpoch(20, now_, &ignored);
  ASSERT_TRUE(restarted.Offer(Id(1), Text("new"), now_));
  Give(b_, TakeFrom(restarted));
  Give(b_, old);
  EXPECT_EQ(bodies_, Bodies({"new"}));
}

TEST_F(RelayChannelTest, AsksWhoIsThereBeforeItSendsToAnUnknownStart) {
  RelayChannel fresh(12, {});
  ASSERT_TRUE(fresh.Offer(Id(1), Text("hello"), now_));
  const IncomingSegment question = TakeFrom(fresh);
  EXPECT_TRUE(question.envelopes.empty());
  EXPECT_EQ(question.destination_epoch, 0);
  EXPECT_FALSE(fresh.HasNext());
  Give(b_, question);
  Give(fresh, TakeFrom(b_));
  Give(b_, TakeFrom(fresh));
  EXPECT_EQ(bodies_, Bodies({"hello"}));
}

TEST_F(RelayChannelTest, TwoRetriesWithoutAnyAnswerMakeAWaySilent) {
  ASSERT_TRUE(a_.Offer(Id(1), Text("one"), now_));
  TakeFrom(a_);  // Lost, as are all that follow.
  RelayChannel::Actions actions;
  const absl::Duration sent = now_;
  while (!a_.WayIsSilent(false)) {
    now_ = a_.NextTimer();
    ASSERT_LT(now_, sent + limits::kUnconfirmedAfter);
    a_.OnTimer(now_, &actions);
    TakeFrom(a_);
  }
  EXPECT_EQ(now_ - sent, 3 * limits::kRelayRetryFirst);
  a_.Resend(now_);  // On another route, where retries start again.
  EXPECT_FALSE(a_.WayIsSilent(true));
  EXPECT_EQ(a_.NextTimer() - now_, limits::kRelayRetryFirst);
  Give(b_, TakeFrom(a_));
  EXPECT_EQ(Give(a_, TakeFrom(b_)).answers.size(), 1);
}

TEST_F(RelayChannelTest, AWayOnWhichResultsAreSlowIsNotSilent) {
  ASSERT_TRUE(a_.Offer(Id(1), Text("one"), now_));
  RelayChannel::Actions actions;
  b_.OnSegment(TakeFrom(a_), now_, &actions);  // Delivered, and its reader takes seconds.
  for (int i = 0; i < 2; ++i) {
    now_ = a_.NextTimer();
    a_.OnTimer(now_, &actions);
    Give(b_, TakeFrom(a_));
    Give(a_, TakeFrom(b_));
    EXPECT_FALSE(a_.WayIsSilent(false));
    EXPECT_FALSE(b_.WayIsSilent(true));
  }
}

// Segments from `a_` to `b_` arrive, and none that go back.
TEST_F(RelayChannelTest, WhoIsAskedAgainForWhatItToldKnowsThatItsWayIsSilent) {
  ASSERT_TRUE(a_.Offer(Id(1), Text("one"), now_));
  Give(b_, TakeFrom(a_));
  TakeFrom(b_);  // Lost.
  a_.Resend(now_);
  Give(b_, TakeFrom(a_));  // May have crossed it.
  EXPECT_FALSE(b_.WayIsSilent(true));
  TakeFrom(b_);  // Lost.
  RelayChannel::Actions actions;
  for (int i = 1; i <= 2; ++i) {
    EXPECT_FALSE(b_.WayIsSilent(false));
    now_ = a_.NextTimer();
    a_.OnTimer(now_, &actions);
    Give(b_, TakeFrom(a_));
    EXPECT_TRUE(b_.WayIsSilent(true)) << "the other has left it already";
    if (i < 2) TakeFrom(b_);  // Lost.
  }
  EXPECT_TRUE(b_.WayIsSilent(false));
  b_.Resend(now_);
  EXPECT_FALSE(b_.WayIsSilent(true));
  EXPECT_EQ(Give(a_, TakeFrom(b_)).answers.size(), 1);
}

TEST_F(RelayChannelTest, AfterAHintOfANewerStartItAsksBeforeItSends) {
  a_.OnEpochHint(21, now_);
  EXPECT_FALSE(a_.HasNext());
  ASSERT_TRUE(a_.Offer(Id(1), Text("one"), now_));
  const IncomingSegment question = TakeFrom(a_);
  EXPECT_TRUE(question.envelopes.empty());
  EXPECT_FALSE(a_.HasNext());
  RelayChannel new_b(21, {});  // It was true.
  Give(new_b, question);
  EXPECT_TRUE(Give(a_, TakeFrom(new_b)).answers.empty());
  Give(new_b, TakeFrom(a_));
  EXPECT_EQ(Give(a_, TakeFrom(new_b)).answers.size(), 1);
  EXPECT_EQ(bodies_, Bodies({"one"}));
}

TEST_F(RelayChannelTest, AFalseHintOfANewerStartCostsAQuestion) {
  ASSERT_TRUE(a_.Offer(Id(1), Text("one"), now_));
  TakeFrom(a_);  // Lost, and so is the first question.
  a_.OnEpochHint(1'000'000, now_);
  TakeFrom(a_);
  ASSERT_TRUE(a_.Offer(Id(2), Text("two"), now_));
  EXPECT_FALSE(a_.HasNext());
  now_ = a_.NextTimer();
  RelayChannel::Actions actions;
  a_.OnTimer(now_, &actions);
  Give(b_, TakeFrom(a_));
  EXPECT_TRUE(Give(a_, TakeFrom(b_)).answers.empty());
  a_.Resend(now_);
  Give(b_, TakeFrom(a_));
  EXPECT_EQ(Give(a_, TakeFrom(b_)).answers.size(), 2);
  EXPECT_EQ(bodies_, Bodies({"one", "two"}));
}

TEST_F(RelayChannelTest, FullChannelRefuses) {
  RelayChannel small(13, {.bytes_max = 100});
  ASSERT_TRUE(small.Offer(Id(1), Text(std::string(500, 'x')), now_));  // One always fits.
  EXPECT_FALSE(small.Offer(Id(2), Text("y"), now_));
  RelayChannel few(14, {.count_max = 1});
  ASSERT_TRUE(few.Offer(Id(1), Text("x"), now_));
  EXPECT_FALSE(few.Offer(Id(2), Text("y"), now_));
}

TEST_F(RelayChannelTest, WindowHoldsBackWhatIsAboveIt) {
  RelayChannel narrow(15, {.flight_count_max = 2});
  RelayChannel::Actions ignored;
  narrow.OnPeerEpoch(20, now_, &ignored);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(narrow.Offer(Id(i), Text("x"), now_));
  EXPECT_EQ(narrow.Next(kBytesMax, now_).envelopes.size(), 2);
  EXPECT_FALSE(narrow.HasNext());
}

TEST_F(RelayChannelTest, SegmentsAreCutAtTheirBound) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(a_.Offer(Id(i), Text(std::string(100, 'x')), now_));
  EXPECT_EQ(a_.Next(/*bytes_max=*/300, now_).envelopes.size(), 2);
  EXPECT_EQ(a_.Next(/*bytes_max=*/1, now_).envelopes.size(), 1);  // One always fits.
}

TEST_F(RelayChannelTest, ReportsThatCannotBeTrueAreRefusedAndChangeNothing) {
  ASSERT_TRUE(a_.Offer(Id(1), Text("one"), now_));
  const IncomingSegment segment = TakeFrom(a_);
  IncomingSegment lie{.origin_epoch = 20, .destination_epoch = 10, .answered_below = 1};
  lie.acknowledged = 2;  // Never sent.
  EXPECT_TRUE(Give(a_, lie).refused);
  lie.acknowledged = 0;
  lie.first_result = 1;
  lie.results = {{.sessions = 1}};  // A result of what never arrived.
  EXPECT_TRUE(Give(a_, lie).refused);
  lie = {.origin_epoch = 20, .destination_epoch = 10, .answered_below = 7};
  EXPECT_TRUE(Give(a_, lie).refused);
  Give(b_, segment);
  EXPECT_EQ(Give(a_, TakeFrom(b_)).answers.size(), 1);
}

// ---- Property: over a network that loses, doubles, reorders and cuts, with restarts of both ends:
// per direction in order, at most once, every request answered exactly once and within its time, OK
// only for what was delivered, and never delivered when nobody was told it may be.
class World {
 public:
  explicit World(uint64_t seed) : rng_(seed) {
    for (int i = 0; i < 2; ++i) Restart(i);
  }

  void Run() {
    const int steps = 200 + Below(300);
    for (int step = 0; step < steps && !testing::Test::HasFailure(); ++step) Step();
    Heal();
  }

 private:
  struct Request {
    std::optional<RelayResult> answer;
    absl::Duration offered;
    int delivered = 0;
    int origin_start = 0;
  };
  struct End {
    std::unique_ptr<RelayChannel> channel;
    Epoch epoch = 0;
    std::vector<std::pair<Epoch, uint64_t>> pending;  // Deliveries without a result.
    std::vector<uint64_t> pending_tokens;
    uint64_t highest_delivered = 0;     // Token of the other's requests.
    std::vector<IncomingSegment> wire;  // Towards this end.
    std::map<uint64_t, Request> requests;
    uint64_t next_token = 1;
  };

  uint64_t Below(uint64_t bound) { return rng_() % bound; }

  void Step() {
    now_ += absl::Milliseconds(Below(40));
    const int who = Below(2);
    End& end = ends_[who];
    const uint64_t dice = Below(100);
    if (dice < 30) return Offer(who);
    if (dice < 55) return Send(who);
    if (dice < 80) return Receive(who);
    if (dice < 90) return Finish(who, Below(3) == 0);
    if (dice < 93) return Tick(who);
    if (dice < 95) return end.channel->Resend(now_);
    if (dice < 97) return end.wire.clear();  // A cut.
    if (dice == 97 && Below(4) == 0) return Restart(who);
    if (dice == 98 && Below(4) == 0) now_ += absl::Seconds(Below(12));  // A long silence.
  }

  void Offer(int who) {
    End& end = ends_[who];
    const uint64_t token = end.next_token++;
    Envelope envelope = Text(absl::StrCat(token));
    if (!end.channel->Offer(Id(token), envelope, now_)) return;
    end.requests[token] = {.offered = now_, .origin_start = static_cast<int>(end.epoch)};
  }

  void Send(int who) {
    End& end = ends_[who];
    if (!end.channel->HasNext()) return;
    const IncomingSegment segment = Copy(end.channel->Next(64 + Below(300), now_));
    std::vector<IncomingSegment>& wire = ends_[1 - who].wire;
    const int copies = healed_ ? 1 : std::vector<int>{1, 1, 1, 1, 1, 1, 0, 2}[Below(8)];
    for (int i = 0; i < copies; ++i) wire.push_back(segment);
  }

  void Receive(int who) {
    End& end = ends_[who];
    if (end.wire.empty()) return;
    const size_t at = healed_ || Below(4) > 0 ? 0 : Below(end.wire.size());
    const IncomingSegment segment = end.wire[at];
    end.wire.erase(end.wire.begin() + at);
    RelayChannel::Actions actions;
    end.channel->OnSegment(segment, now_, &actions);
    ASSERT_FALSE(actions.refused);
    CarryOut(who, actions);
  }

  void CarryOut(int who, const RelayChannel::Actions& actions) {
    End& end = ends_[who];
    End& other = ends_[1 - who];
    for (const auto& delivery : actions.deliveries) {
      const uint64_t token = std::stoull(delivery.envelope.body);
      ASSERT_GT(token, end.highest_delivered) << "out of order or doubled";
      end.highest_delivered = token;
      Request& request = other.requests.at(token);
      ASSERT_EQ(++request.delivered, 1);
      ASSERT_FALSE(request.answer && request.answer->fail == FailCode::kUnroutable);
      end.pending.push_back({actions.delivery_epoch, delivery.sequence});
      end.pending_tokens.push_back(token);
    }
    for (const auto& answer : actions.answers) Answered(who, answer);
  }

  void Answered(int who, const RelaySender::Answer& answer) {
    Request& request = ends_[who].requests.at(answer.message.slot);
    ASSERT_FALSE(request.answer.has_value()) << "answered twice";
    request.answer = answer.result;
    if (!answer.result.fail.has_value()) {
      ASSERT_EQ(answer.result.sessions, answer.message.slot % 5 + 1);
      ASSERT_EQ(request.delivered, 1) << "acknowledged and missing";
    }
    const int delivered_min = answer.result.fail == FailCode::kOffline ? 1 : 0;
    ASSERT_GE(request.delivered, delivered_min);
    const int delivered_max = answer.result.fail == FailCode::kUnroutable ? 0 : 1;
    ASSERT_LE(request.delivered, delivered_max);
  }

  // Results come in any order.
  void Finish(int who, bool any) {
    End& end = ends_[who];
    if (end.pending.empty()) return;
    const size_t at = any ? Below(end.pending.size()) : 0;
    const auto [epoch, sequence] = end.pending[at];
    const uint64_t token = end.pending_tokens[at];
    RelayResult result{.sessions = static_cast<uint32_t>(token % 5 + 1)};
    if (token % 7 == 0) result = {.fail = FailCode::kOffline};
    end.pending.erase(end.pending.begin() + at);
    end.pending_tokens.erase(end.pending_tokens.begin() + at);
    end.channel->OnResult(epoch, sequence, result);
  }

  void Tick(int who) {
    RelayChannel::Actions actions;
    ends_[who].channel->OnTimer(now_, &actions);
    CarryOut(who, actions);
    EXPECT_GT(ends_[who].channel->NextTimer(), now_);
    for (auto& [token, request] : ends_[who].requests) {
      if (request.origin_start != static_cast<int>(ends_[who].epoch)) continue;
      ASSERT_TRUE(request.answer || now_ < request.offered + limits::kUnconfirmedAfter) << token;
    }
  }

  void Restart(int who) {
    End& end = ends_[who];
    end.epoch += 1 + Below(3);
    end.channel = std::make_unique<RelayChannel>(
        end.epoch, RelaySender::Options{.bytes_max = 4096, .flight_bytes_max = 512});
    end.pending.clear();
    end.pending_tokens.clear();
  }

  // The network is well again: all that is offered now is delivered and answered.
  void Heal() {
    healed_ = true;
    for (int i = 0; i < 2; ++i) ends_[i].channel->Resend(now_);
    uint64_t last[2] = {0, 0};
    for (int round = 0; round < 2000 && !testing::Test::HasFailure(); ++round) {
      now_ += absl::Milliseconds(10);
      for (int who = 0; who < 2; ++who) {
        if (round == 1200) {
          last[who] = ends_[who].next_token;
          Offer(who);
        }
        Send(who), Receive(who), Finish(who, false);
        if (round % 10 == 0) Tick(who);
      }
    }
    for (int who = 0; who < 2; ++who) {
      EXPECT_EQ(ends_[who].channel->sender().waiting_count(), 0);
      EXPECT_EQ(ends_[who].channel->sender().waiting_bytes(), 0);
      const Request& request = ends_[who].requests.at(last[who]);
      ASSERT_TRUE(request.answer.has_value());
      EXPECT_EQ(request.delivered, 1);
      EXPECT_NE(request.answer->fail, FailCode::kUnconfirmed);
    }
  }

  Rng rng_;
  absl::Duration now_ = absl::Seconds(1);
  bool healed_ = false;
  End ends_[2];
};

TEST(RelayChannelPropertyTest, HoldsItsPromisesOverABadNetwork) {
  const char* given = std::getenv("CVG_SEED");
  const uint64_t first = given ? std::strtoull(given, nullptr, 10) : 1;
  const uint64_t last = given ? first : 4000;
  for (uint64_t seed = first; seed <= last && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(absl::StrCat("run again with CVG_SEED=", seed));
    World(seed).Run();
  }
}

}  // namespace
}  // namespace convergia::edge
