#include "edge/messages/message_core.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/testing/status_testing.h"

namespace convergia::edge {
namespace {

constexpr NodeId kSelf = 1;
constexpr uint32_t kShard = 0;  // The core's own.

// One core with the hub and the directory that it reads. Its actions become lines of text, so a
// test states what happens and in which order:
//
//   push m1 to s2,s3        the sessions on the core's own shard; answered at once
//   post m1 to s4@2         the sessions on shard 2
//   send m1 to 7            edge 7
//   m1 OK 2 / m1 FAIL BUSY  what the sender reads
//   drop m1                 its sender has gone
//   deliver m1 to s2@0      an arrival
//   report 7/3 OK 1         for the switchboard: sequence 3 of edge 7
class MessageCoreTest : public testing::Test {
 protected:
  MessageCoreTest() { hub_.set_self(kSelf); }

  MessageCore& core() {
    if (!core_) core_.emplace(&hub_, MessageCore::Options{.core = kShard, .check = check_});
    return *core_;
  }

  // Signs in a session of `user` here. The core gets it as a sender if it is on the core's shard.
  void SignIn(const std::string& user, uint64_t session, uint32_t shard = kShard) {
    ASSERT_OK(hub_.Add(*Username::Parse(user), 1, session, {.shard = shard, .id = session}));
    if (shard == kShard) senders_[session] = core().OnSession(session, user);
  }
  void Leave(const std::string& user, uint64_t session) {
    hub_.Remove(*Username::Parse(user), session);
    core().OnSessionGone(senders_.at(session));
    senders_.erase(session);
  }
  // Sets the other edges where `user` is signed in.
  void Place(const std::string& user, const std::vector<NodeId>& edges) {
    const UserHash hash = HashOfUser(user);
    for (const NodeId edge : directory_.Find(user)) directory_.Erase(hash, edge);
    for (const NodeId edge : edges) directory_.Put(hash, edge);
  }

  // Sends the next message; the first one is m1.
  void Send(uint64_t session, const std::string& to, absl::string_view body = "hi") {
    const MessageId id = core().OnMessage(*senders_.at(session), to, body, /*time_ms=*/5, now_);
    Name(id);
    CarryOut();
  }
  void Arrive(NodeId origin, const std::string& from, const std::string& to,
              absl::string_view body = "hi") {
    core().OnArrival({origin, /*origin_epoch=*/9, ++sequence_},
                     {.from = from, .to = to, .time_ms = 5, .body = std::string(body)}, is_fresh_,
                     now_);
    CarryOut();
  }
  bool Result(const std::string& name, const RelayResult& result) {
    const bool is_known = core().OnResult(ids_.at(name), result);
    CarryOut();
    return is_known;
  }
  void CheckAnswered(const std::string& name, const absl::Status& answer) {
    core().OnCheckAnswered(ids_.at(name), answer, now_);
    CarryOut();
  }
  void Tick(absl::Duration passed) {
    now_ += passed;
    core().OnTick(now_);
    CarryOut();
  }

  // The actions since the last call.
  std::string Log() { return absl::StrJoin(std::exchange(log_, {}), "; "); }

  std::string Name(MessageId id) {
    for (const auto& [name, known] : ids_) {
      if (known == id) return name;
    }
    const std::string name = absl::StrCat("m", ids_.size() + 1);
    ids_[name] = id;
    return name;
  }

  static std::string Outcome(uint32_t sessions, const std::optional<FailCode>& fail) {
    if (sessions > 0) return absl::StrCat("OK ", sessions);
    return absl::StrCat("FAIL ", fail ? FailCodeWord(*fail) : "");
  }

  void CarryOut() {
    MessageCore::Output output;
    for (core().Take(&output); !output.empty(); core().Take(&output)) {
      for (const auto& departure : output.departures) Depart(departure);
      for (const auto& answer : output.answers) {
        last_failure_ = answer.failure;
        log_.push_back(absl::StrCat(
            Name(answer.message), " ",
            Outcome(answer.sessions, answer.sessions > 0
                                         ? std::nullopt
                                         : std::optional(FailCodeOf(answer.failure)))));
      }
      for (const MessageId id : output.dropped) log_.push_back(absl::StrCat("drop ", Name(id)));
      for (const auto& delivery : output.deliveries) {
        for (const auto& leg : delivery.shards) {
          log_.push_back(absl::StrCat("deliver ", Name(delivery.message), " to s",
                                      absl::StrJoin(leg.sessions, ",s"), "@", leg.shard));
        }
        bodies_.push_back(delivery.envelope.body);
      }
      for (const auto& result : output.results) {
        log_.push_back(absl::StrCat("report ", result.arrival.origin, "/", result.arrival.sequence,
                                    " ", Outcome(result.result.sessions, result.result.fail)));
      }
      warnings_ += output.warnings.size();
    }
  }

  void Depart(const MessageCore::Departure& departure) {
    bodies_.push_back(std::string(departure.body));
    const std::string name = Name(departure.message);
    for (const NodeId edge : departure.edges) {
      log_.push_back(absl::StrCat("send ", name, " to ", edge));
    }
    const MessageCore::ShardLeg* own = nullptr;
    for (const auto& leg : departure.shards) {
      const std::string sessions = absl::StrJoin(leg.sessions, ",s");
      if (leg.shard == kShard) {
        own = &leg;
        log_.push_back(absl::StrCat("push ", name, " to s", sessions));
      } else {
        log_.push_back(absl::StrCat("post ", name, " to s", sessions, "@", leg.shard));
      }
    }
    if (own == nullptr) return;
    const uint32_t reached = own_is_slow_ ? 0 : own->sessions.size();
    core().OnResult(departure.message,
                    {.sessions = reached,
                     .fail = own_is_slow_ ? std::optional(FailCode::kBusy) : std::nullopt});
  }

  Directory directory_;
  EdgeSessionHub hub_{&directory_, /*sessions_per_user_max=*/10};
  MessageCore::Check check_;
  std::optional<MessageCore> core_;
  std::map<uint64_t, MessageCore::Sender*> senders_;
  std::map<std::string, MessageId> ids_;
  std::vector<std::string> log_;
  std::vector<std::string> bodies_;
  absl::Status last_failure_;
  bool own_is_slow_ = false;
  bool is_fresh_ = true;
  size_t warnings_ = 0;
  uint64_t sequence_ = 0;
  absl::Duration now_ = absl::Seconds(100);
};

// A check that answers later for the senders in `slow_`, and refuses those of "mallory".
class MessageChecksTest : public MessageCoreTest {
 protected:
  MessageChecksTest() {
    check_ = [this](const MessageCore::Question& question) -> std::optional<absl::Status> {
      if (question.from == "mallory") return Fail(FailCode::kDenied, "no");
      if (question.from != slow_) return absl::OkStatus();
      asked_.push_back(absl::StrCat(question.from, "@", question.origin, " to ", question.to));
      return std::nullopt;
    };
  }

  std::string slow_;
  std::vector<std::string> asked_;
};

// ---- Recipients.

TEST_F(MessageCoreTest, EachWayIsALegAndTheSenderReadsTheirSum) {
  SignIn("alice", 1);
  SignIn("bob", 2);
  SignIn("bob", 3);
  SignIn("bob", 4, /*shard=*/2);
  Place("bob", {kSelf, 7, 8});
  Send(1, "bob");
  EXPECT_EQ(Log(), "send m1 to 7; send m1 to 8; push m1 to s2,s3; post m1 to s4@2");
  EXPECT_TRUE(Result("m1", {.sessions = 1}));
  EXPECT_TRUE(Result("m1", {.fail = FailCode::kUnroutable}));
  EXPECT_EQ(Log(), "");
  EXPECT_TRUE(Result("m1", {.sessions = 1}));
  EXPECT_EQ(Log(), "m1 OK 4");
  EXPECT_FALSE(Result("m1", {.sessions = 1})) << "a result too many";
}

TEST_F(MessageCoreTest, SessionsOnTheSameShardAreAnsweredAtOnce) {
  SignIn("alice", 1);
  SignIn("bob", 2);
  Send(1, "bob");
  Send(1, "alice");
  EXPECT_EQ(Log(), "push m1 to s2; m1 OK 1; push m2 to s1; m2 OK 1");
  own_is_slow_ = true;
  Send(1, "bob");
  EXPECT_EQ(Log(), "push m3 to s2; m3 FAIL BUSY");
}

TEST_F(MessageCoreTest, NobodyThereIsOffline) {
  SignIn("alice", 1);
  Send(1, "bob");
  EXPECT_EQ(Log(), "m1 FAIL OFFLINE");
  EXPECT_TRUE(absl::StrContains(last_failure_.message(), "bob is not signed in, or is no account"));
}

TEST_F(MessageCoreTest, OfTwoReasonsTheSenderReadsTheMoreImportant) {
  struct Case {
    FailCode first;
    FailCode second;
    FailCode read;
  };
  const Case cases[] = {
      {FailCode::kOffline, FailCode::kOffline, FailCode::kOffline},
      {FailCode::kOffline, FailCode::kDenied, FailCode::kDenied},
      {FailCode::kDenied, FailCode::kUnroutable, FailCode::kUnroutable},
      {FailCode::kUnroutable, FailCode::kBusy, FailCode::kBusy},
      {FailCode::kBusy, FailCode::kUnconfirmed, FailCode::kUnconfirmed},
  };
  for (const Case& each : cases) {
    for (const bool swapped : {false, true}) {
      RelayResult sum{.fail = swapped ? each.second : each.first};
      sum.Add({.fail = swapped ? each.first : each.second});
      EXPECT_EQ(sum, (RelayResult{.fail = each.read})) << FailCodeWord(each.read);
    }
  }
  RelayResult sum;
  sum.Add({.fail = FailCode::kBusy});
  sum.Add({.sessions = 2});
  EXPECT_EQ(sum, (RelayResult{.sessions = 2, .fail = FailCode::kBusy}));
}

// ---- Order.

TEST_F(MessageCoreTest, WhatGoesTheSameWayDoesNotWait) {
  SignIn("alice", 1);
  Place("bob", {7});
  Send(1, "bob");
  Send(1, "bob");
  EXPECT_EQ(Log(), "send m1 to 7; send m2 to 7");
  Result("m2", {.sessions = 1});
  Result("m1", {.fail = FailCode::kUnconfirmed});
  EXPECT_EQ(Log(), "m2 OK 1; m1 FAIL UNCONFIRMED");
}

TEST_F(MessageCoreTest, AMessageToOneWhoMovedIsHeldUntilThoseBeforeAreAnswered) {
  SignIn("alice", 1);
  Place("bob", {7});
  Place("carol", {7});
  Send(1, "bob", "first");
  Place("bob", {8});
  Send(1, "bob", "second");
  Send(1, "bob", "third");
  Send(1, "carol", "other");
  EXPECT_EQ(Log(), "send m1 to 7; send m4 to 7") << "only those to bob wait";
  Result("m1", {.sessions = 1});
  EXPECT_EQ(Log(), "send m2 to 8; send m3 to 8; m1 OK 1");
  EXPECT_EQ(bodies_, (std::vector<std::string>{"first", "other", "second", "third"}));
}

TEST_F(MessageCoreTest, AHeldMessageGoesWhereTheRecipientIsByThen) {
  SignIn("alice", 1);
  Place("bob", {7});
  Send(1, "bob");
  Place("bob", {8});
  Send(1, "bob");
  Place("bob", {});
  Result("m1", {.sessions = 1});
  EXPECT_EQ(Log(), "send m1 to 7; m1 OK 1; m2 FAIL OFFLINE");
}

TEST_F(MessageCoreTest, TooMuchThatIsHeldIsBusy) {
  SignIn("alice", 1);
  Place("bob", {7});
  Send(1, "bob");
  Place("bob", {8});
  Send(1, "bob", std::string(limits::kHeldBytesMax, 'x'));
  EXPECT_EQ(Log(), "send m1 to 7; m2 FAIL BUSY");
}

TEST_F(MessageCoreTest, WhatWaitsOfASessionThatGoesIsDroppedAndWhatIsUnderWayEnds) {
  SignIn("alice", 1);
  Place("bob", {7});
  Send(1, "bob");
  Place("bob", {8});
  Send(1, "bob");
  Leave("alice", 1);
  CarryOut();
  EXPECT_EQ(Log(), "send m1 to 7; drop m2");
  EXPECT_TRUE(Result("m1", {.sessions = 1}));
  EXPECT_EQ(Log(), "m1 OK 1") << "nobody reads it, and the name is free";
}

// ---- Arrivals.

TEST_F(MessageCoreTest, AnArrivalIsReportedWhenAllItsShardsHaveAnswered) {
  SignIn("bob", 2);
  SignIn("bob", 3, /*shard=*/1);
  Place("alice", {7});
  Arrive(7, "alice", "bob");
  EXPECT_EQ(Log(), "deliver m1 to s2@0; deliver m1 to s3@1");
  Result("m1", {.fail = FailCode::kBusy});
  Result("m1", {.sessions = 1});
  EXPECT_EQ(Log(), "report 7/1 OK 1");
  Arrive(7, "alice", "carol");
  EXPECT_EQ(Log(), "report 7/2 FAIL OFFLINE");
}

TEST_F(MessageCoreTest, AnArrivalWhoseSenderIsNotThereIsRefusedAfterItsGrace) {
  SignIn("bob", 2);
  const struct {
    const char* from;
    absl::Duration passed;
    bool is_fresh;
    const char* log;
  } cases[] = {
      {"alice", absl::ZeroDuration(), true, "deliver m1 to s2@0; report 7/1 OK 1"},
      {"alice", SenderCheck::kGrace + absl::Seconds(1), true, "report 7/2 FAIL OFFLINE"},
      {"alice", absl::ZeroDuration(), false, "deliver m2 to s2@0; report 7/3 OK 1"},
      {"Not a name\n", absl::ZeroDuration(), false, "report 7/4 FAIL OFFLINE"},
  };
  for (const auto& each : cases) {
    now_ += each.passed;
    is_fresh_ = each.is_fresh;
    Arrive(7, each.from, "bob");
    for (const auto& [name, id] : std::map(ids_)) Result(name, {.sessions = 1});
    EXPECT_EQ(Log(), each.log);
  }
  EXPECT_EQ(core().envelopes_refused(), 2);
  EXPECT_EQ(warnings_, 1) << "the first is logged";
}

// ---- Checks.

TEST_F(MessageChecksTest, ARefusedMessageIsAnsweredAtOnce) {
  SignIn("mallory", 1);
  SignIn("bob", 2);
  Place("mallory", {kSelf, 7});
  Send(1, "bob");
  Arrive(7, "mallory", "bob");
  EXPECT_EQ(Log(), "m1 FAIL DENIED; report 7/1 FAIL DENIED");
}

TEST_F(MessageChecksTest, ACheckHoldsUpItsSenderAndNobodyElse) {
  SignIn("alice", 1);
  SignIn("bob", 2);
  SignIn("carol", 3);
  slow_ = "alice";
  Send(1, "bob", "first");
  Send(1, "carol", "second");
  Send(3, "bob", "other");
  EXPECT_EQ(Log(), "push m3 to s2; m3 OK 1");
  EXPECT_EQ(asked_, std::vector<std::string>{"alice@1 to bob"}) << "one question at a time";
  CheckAnswered("m2", absl::OkStatus());
  EXPECT_EQ(Log(), "") << "nobody asked about m2 yet";
  CheckAnswered("m1", absl::OkStatus());
  EXPECT_EQ(Log(), "push m1 to s2; m1 OK 1");
  CheckAnswered("m2", Fail(FailCode::kDenied, "carol does not want to hear from you"));
  EXPECT_EQ(Log(), "m2 FAIL DENIED");
  EXPECT_EQ(last_failure_.message(), "carol does not want to hear from you");
  EXPECT_EQ(bodies_, (std::vector<std::string>{"other", "first"}));
}

TEST_F(MessageChecksTest, WhenAChecksAnswersTheOthersPassUntilOneHasToWait) {
  SignIn("alice", 1);
  SignIn("bob", 2);
  slow_ = "alice";
  for (int i = 0; i < 3; ++i) Send(1, "bob");
  slow_ = "";
  CheckAnswered("m1", absl::OkStatus());
  EXPECT_EQ(Log(), "push m1 to s2; push m2 to s2; push m3 to s2; m1 OK 1; m2 OK 1; m3 OK 1");
  Send(1, "bob");
  EXPECT_EQ(Log().substr(0, 4), "push") << "nothing still waits";
}

TEST_F(MessageChecksTest, ArrivalsWaitBehindTheirSenderFromThatEdgeOnly) {
  SignIn("bob", 2);
  Place("alice", {7, 8});
  Place("carol", {7});
  slow_ = "alice";
  Arrive(7, "alice", "bob", "first");
  Arrive(7, "alice", "bob", "second");
  Arrive(7, "carol", "bob", "other");
  slow_ = "";
  Arrive(8, "alice", "bob", "elsewhere");
  EXPECT_EQ(Log(), "deliver m1 to s2@0; deliver m2 to s2@0");
  EXPECT_EQ(bodies_, (std::vector<std::string>{"other", "elsewhere"}));
  core().OnCheckAnswered({.core = kShard, .slot = 0}, absl::OkStatus(), now_);
  CarryOut();
  EXPECT_EQ(Log(), "deliver m3 to s2@0; deliver m4 to s2@0");
  EXPECT_EQ(bodies_, (std::vector<std::string>{"other", "elsewhere", "first", "second"}));
}

TEST_F(MessageChecksTest, ACheckThatTakesTooLongRefusesItsMessageAndTheNextOneIsAsked) {
  SignIn("alice", 1);
  SignIn("bob", 2);
  slow_ = "alice";
  Send(1, "bob");
  Send(1, "bob");
  Tick(limits::kMessageCheckMax - absl::Seconds(1));
  EXPECT_EQ(Log(), "");
  Tick(absl::Seconds(1));
  EXPECT_EQ(Log(), "m1 FAIL UNAVAILABLE");
  CheckAnswered("m1", absl::OkStatus());
  EXPECT_EQ(Log(), "") << "too late";
  CheckAnswered("m2", absl::OkStatus());
  EXPECT_EQ(Log(), "push m2 to s2; m2 OK 1");
}

TEST_F(MessageChecksTest, WhatWaitsForACheckIsBoundedAndGoesWithItsSession) {
  SignIn("alice", 1);
  SignIn("bob", 2);
  slow_ = "alice";
  Send(1, "bob");
  Send(1, "bob", std::string(limits::kHeldBytesMax, 'x'));
  EXPECT_EQ(Log(), "m2 FAIL BUSY");
  Leave("alice", 1);
  CarryOut();
  EXPECT_EQ(Log(), "drop m1");
  CheckAnswered("m1", absl::OkStatus());
  Tick(limits::kMessageCheckMax);
  EXPECT_EQ(Log(), "");
}

// ---- Traffic.

TEST_F(MessageCoreTest, TrafficIsCountedByWayAndByTalker) {
  SignIn("alice", 1);
  SignIn("bob", 2);
  SignIn("carol", 3);
  Place("bob", {kSelf, 7, 8});
  Send(1, "bob", "0123456789");
  Send(3, "alice", "0123456789");
  Send(3, "nobody", "0123456789");
  const MessageCore::Traffic first = core().TakeTraffic(/*talkers_max=*/1);
  EXPECT_EQ(first.bytes_within, 100);
  EXPECT_EQ(first.bytes_across, 100);
  ASSERT_EQ(first.talkers.size(), 1);
  EXPECT_EQ(first.talkers[0].user, "alice");
  EXPECT_EQ(first.talkers[0].peers[0].name, "bob");
  EXPECT_EQ(first.talkers[0].peers[0].bytes, 50);
  const MessageCore::Traffic rest = core().TakeTraffic(/*talkers_max=*/10);
  EXPECT_EQ(rest.bytes_within + rest.bytes_across, 0);
  ASSERT_EQ(rest.talkers.size(), 1);
  EXPECT_EQ(rest.talkers[0].user, "carol");
}

}  // namespace
}  // namespace convergia::edge
