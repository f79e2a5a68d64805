// EtcdLog against a real etcd: every promise of ReplicatedLog.

#include "common/etcd/etcd_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"
#include "tests/etcd/etcd_cluster.h"

namespace convergia::etcd {
namespace {

using store::AppendAnswer;
using store::AppendRequest;
using store::CampaignAnswer;
using store::RenewAnswer;
using testing::SizeIs;

store::LogPosition At(store::Sequence sequence, char mark) {
  return {sequence, std::string(store::kLogHashBytes, mark)};
}

// One member for all tests, a log for each.
class EtcdLogTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = EtcdCluster::Start(1);
    ASSERT_OK(started);
    cluster_ = started->release();
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
  }

  void SetUp() override {
    ASSERT_NE(cluster_, nullptr);
    prefix_ = absl::StrCat("convergia/", SecureRandomHex(8), "/");
    ASSERT_OK_AND_ASSIGN(one_, cluster_->OpenLog(prefix_));
    ASSERT_OK_AND_ASSIGN(two_, cluster_->OpenLog(prefix_));
  }

  CampaignAnswer TryCampaign(EtcdLog& log, const std::string& replica) {
    return log.TryCampaign({.replica = replica,
                            .address = replica + ":1",
                            .candidacy = absl::StrCat(replica, "/", SecureRandomHex(8)),
                            .lease = absl::Seconds(30)});
  }
  store::Term Win(EtcdLog& log, const std::string& replica) {
    const CampaignAnswer answer = TryCampaign(log, replica);
    EXPECT_EQ(answer.kind, CampaignAnswer::Kind::kWon);
    return answer.term;
  }
  // Appends entry `sequence` with the hash of `mark`, behind one with the hash of `before`.
  AppendRequest Request(const store::Term& term, store::Sequence sequence, char before, char mark) {
    AppendRequest request;
    request.leader_key = term.key;
    request.before = sequence == 1 ? store::LogPosition() : At(sequence - 1, before);
    request.entry = {sequence, absl::StrCat("entry ", sequence, " ", std::string(1, mark))};
    request.after = At(sequence, mark);
    return request;
  }

  static EtcdCluster* cluster_;
  std::string prefix_;
  std::unique_ptr<EtcdLog> one_, two_;
};
EtcdCluster* EtcdLogTest::cluster_ = nullptr;

TEST_F(EtcdLogTest, ANewLogIsEmptyAndMadeOnce) {
  ASSERT_OK_AND_ASSIGN(const store::LogState mine, one_->ReadState());
  ASSERT_OK_AND_ASSIGN(const store::LogState others, two_->ReadState());
  EXPECT_EQ(mine.id, others.id);
  EXPECT_EQ(mine.epoch, 0);
  EXPECT_EQ(mine.head, store::LogPosition());
  EXPECT_EQ(mine.first, 1);
  EXPECT_FALSE(mine.leader.has_value());
}

TEST_F(EtcdLogTest, OneWinsAndTheOtherIsToldWho) {
  const store::Campaign campaign = {.replica = "one",
                                    .address = "one:1",
                                    .candidacy = SecureRandomHex(8),
                                    .lease = absl::Seconds(30)};
  const CampaignAnswer won = one_->TryCampaign(campaign);
  ASSERT_EQ(won.kind, CampaignAnswer::Kind::kWon);
  EXPECT_EQ(won.term.epoch, 1);
  EXPECT_EQ(one_->TryCampaign(campaign).term, won.term);
  const CampaignAnswer lost = TryCampaign(*two_, "two");
  ASSERT_EQ(lost.kind, CampaignAnswer::Kind::kLost);
  EXPECT_EQ(lost.leader->address, "one:1");
  EXPECT_EQ(lost.leader->key, won.term.key);
  EXPECT_EQ(one_->Renew(won.term), RenewAnswer::kRenewed);
  ASSERT_OK(one_->Resign(won.term.key));
  EXPECT_EQ(one_->Renew(won.term), RenewAnswer::kGone);
  const store::Term next = Win(*two_, "two");
  EXPECT_EQ(next.epoch, 2);
  EXPECT_GT(next.key, won.term.key);
  ASSERT_OK(one_->Resign(won.term.key));  // An old key ends nothing.
  EXPECT_EQ(two_->Renew(next), RenewAnswer::kRenewed);
}

// The lease is the shortest that etcd grants; nobody renews it.
TEST_F(EtcdLogTest, ALeaseThatIsNotRenewedEnds) {
  const store::Campaign brief = {.replica = "one",
                                 .address = "one:1",
                                 .candidacy = SecureRandomHex(8),
                                 .lease = absl::Seconds(1)};
  ASSERT_EQ(one_->TryCampaign(brief).kind, CampaignAnswer::Kind::kWon);
  CampaignAnswer answer;
  while (answer.kind != CampaignAnswer::Kind::kWon) answer = TryCampaign(*two_, "two");
  EXPECT_EQ(answer.term.epoch, 2);
  // The candidacy that has won once wins no second time.
  ASSERT_OK(two_->Resign(answer.term.key));
  EXPECT_EQ(one_->TryCampaign(brief).kind, CampaignAnswer::Kind::kLost);
}

TEST_F(EtcdLogTest, AppendsAreFencedByTheHead) {
  const store::Term term = Win(*one_, "one");
  EXPECT_EQ(one_->Append(Request(term, 1, ' ', 'a')).kind, AppendAnswer::Kind::kAppended);
  // The same again, as after no answer; another entry at its place; one that leaves a gap.
  const AppendAnswer again = one_->Append(Request(term, 1, ' ', 'a'));
  EXPECT_EQ(again.kind, AppendAnswer::Kind::kRefused);
  EXPECT_TRUE(again.leads);
  EXPECT_EQ(again.head, At(1, 'a'));
  EXPECT_EQ(again.entry, "entry 1 a");
  EXPECT_EQ(one_->Append(Request(term, 2, 'b', 'b')).kind, AppendAnswer::Kind::kRefused);
  EXPECT_EQ(one_->Append(Request(term, 3, 'b', 'c')).kind, AppendAnswer::Kind::kRefused);
  EXPECT_EQ(one_->Append(Request(term, 2, 'a', 'b')).kind, AppendAnswer::Kind::kAppended);
  ASSERT_OK_AND_ASSIGN(const store::LogState state, two_->ReadState());
  EXPECT_EQ(state.head, At(2, 'b'));
  EXPECT_EQ(state.first, 1);
}

TEST_F(EtcdLogTest, APausedWriterWhoseLeadershipWasTakenAppendsNothing) {
  const store::Term old = Win(*one_, "one");
  ASSERT_EQ(one_->Append(Request(old, 1, ' ', 'a')).kind, AppendAnswer::Kind::kAppended);
  // "one" stands still here. Its leadership ends, and "two" wins and has not written yet.
  ASSERT_OK(two_->Resign(old.key));
  const store::Term term = Win(*two_, "two");
  EXPECT_EQ(term.head, At(1, 'a'));
  const AppendAnswer refused = one_->Append(Request(old, 2, 'a', 'b'));
  EXPECT_EQ(refused.kind, AppendAnswer::Kind::kRefused);
  EXPECT_FALSE(refused.leads);
  EXPECT_FALSE(refused.entry.has_value());
  ASSERT_OK_AND_ASSIGN(const store::LogState state, two_->ReadState());
  EXPECT_EQ(state.head, At(1, 'a'));
  EXPECT_EQ(two_->Append(Request(term, 2, 'a', 'c')).kind, AppendAnswer::Kind::kAppended);
  EXPECT_EQ(one_->Append(Request(old, 2, 'a', 'b')).entry, "entry 2 c");
}

TEST_F(EtcdLogTest, EntriesAreReadInPagesAndTrimmedOnesAreOutOfRange) {
  const store::Term term = Win(*one_, "one");
  for (int i = 1; i <= 20; ++i) {
    ASSERT_EQ(one_->Append(Request(term, i, 'a', 'a')).kind, AppendAnswer::Kind::kAppended);
  }
  std::vector<store::LogEntry> all;
  while (true) {
    ASSERT_OK_AND_ASSIGN(const auto page, two_->Read(all.size() + 1, 256 * 1024));
    if (page.empty()) break;
    EXPECT_LE(page.size(), 4);
    all.insert(all.end(), page.begin(), page.end());
  }
  ASSERT_THAT(all, SizeIs(20));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(all[i], (store::LogEntry{static_cast<store::Sequence>(i + 1),
                                       absl::StrCat("entry ", i + 1, " a")}));
  }
  ASSERT_OK(one_->ReportFlushed("one", 20));
  ASSERT_OK(one_->ReportFlushed("two", 15));
  ASSERT_OK(one_->Trim(15));
  EXPECT_THAT(two_->Read(15, 1), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_OK(two_->Read(16, 1));
  ASSERT_OK_AND_ASSIGN(const store::LogState state, two_->ReadState());
  EXPECT_EQ(state.first, 16);
  EXPECT_EQ(state.flushed.at("one"), 20);
  EXPECT_EQ(state.flushed.at("two"), 15);
  EXPECT_GT(state.bytes, 0);
}

TEST_F(EtcdLogTest, AWatchSaysWhoLeadsAndWhatWasAppended) {
  absl::Mutex mu;
  bool is_ready = false;
  std::string leader;
  std::vector<store::LogEntry> seen;
  const auto watch = two_->Watch(1, [&](store::LogNews news) {
    absl::MutexLock lock(&mu);
    is_ready = is_ready || news.lost;  // It watches from here on.
    if (news.leader.has_value()) leader = news.leader->replica;
    seen.insert(seen.end(), news.entries.begin(), news.entries.end());
  });
  {
    absl::MutexLock lock(&mu);
    ASSERT_TRUE(mu.AwaitWithTimeout(absl::Condition(&is_ready), absl::Seconds(30)));
  }
  const store::Term term = Win(*one_, "one");
  one_->Append(Request(term, 1, ' ', 'a'));
  one_->Append(Request(term, 2, 'a', 'a'));
  const auto all_seen = [&] { return seen.size() >= 2 && !leader.empty(); };
  absl::MutexLock lock(&mu);
  ASSERT_TRUE(mu.AwaitWithTimeout(absl::Condition(&all_seen), absl::Seconds(30)));
  EXPECT_EQ(leader, "one");
  EXPECT_EQ(seen[1].bytes, "entry 2 a");
}

TEST_F(EtcdLogTest, WithoutACertificateOfItsCaEtcdDoesNotAnswer) {
  EtcdLog::Options options = cluster_->LogOptions(prefix_);
  options.tls.certificate_chain.clear();
  options.tls.key.clear();
  EXPECT_THAT(EtcdLog(options).ReadState(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(EtcdLogTest, AnInterruptedLogAnswersNothing) {
  const store::Term term = Win(*one_, "one");
  one_->Interrupt();
  EXPECT_EQ(one_->Append(Request(term, 1, ' ', 'a')).kind, AppendAnswer::Kind::kNoAnswer);
  EXPECT_THAT(one_->ReadState(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_OK(two_->ReadState());
}

}  // namespace
}  // namespace convergia::etcd
