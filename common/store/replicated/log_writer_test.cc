#include "common/store/replicated/log_writer.h"

#include <gtest/gtest.h>

#include "common/base/testing/status_testing.h"
#include "common/store/replicated/log_follower.h"

namespace convergia::store {
namespace {

using Step = LogWriter::Step;
using Kind = AppendAnswer::Kind;

const std::string kSalt(EntryCodec::kSaltBytes, 'x');

class LogWriterTest : public testing::Test {
 protected:
  AppendAnswer Refused(bool leads, Sequence head, std::optional<std::string> entry) {
    AppendAnswer answer;
    answer.kind = Kind::kRefused;
    answer.leads = leads;
    answer.head.sequence = head;
    answer.entry = std::move(entry);
    return answer;
  }

  const EntryCodec codec_{std::string(32, 's'), std::string(kLogIdBytes, 'i')};
  LogWriter writer_{&codec_, {.epoch = 5, .key = 77, .head = {}}};
};

TEST_F(LogWriterTest, EntriesContinueOneAnother) {
  LogFollower follower(&codec_, {codec_.log_id(), 0, {}});
  for (Sequence sequence = 1; sequence <= 3; ++sequence) {
    writer_.Begin("changes", kSalt);
    const AppendRequest request = writer_.request();
    EXPECT_EQ(request.leader_key, 77);
    EXPECT_EQ(request.before, follower.mark().position);
    EXPECT_EQ(request.entry.sequence, sequence);
    EXPECT_EQ(writer_.OnAnswer({.kind = Kind::kAppended}), Step::kDone);
    ASSERT_OK(follower.OnEntries({request.entry}));
    EXPECT_EQ(follower.mark(), writer_.mark());
    EXPECT_EQ(writer_.mark().epoch, 5);
  }
}

TEST_F(LogWriterTest, AnAttemptWithoutAnAnswerIsRepeatedAsItWas) {
  writer_.Begin("changes", kSalt);
  const std::string bytes = writer_.request().entry.bytes;
  EXPECT_EQ(writer_.OnAnswer({.kind = Kind::kNoAnswer}), Step::kSend);
  EXPECT_EQ(writer_.OnAnswer({.kind = Kind::kNoAnswer}), Step::kSend);
  EXPECT_EQ(writer_.request().entry.bytes, bytes);
  EXPECT_EQ(writer_.OnAnswer({.kind = Kind::kAppended}), Step::kDone);
}

// A refusal, and its meaning: whether an attempt before it had no answer; whether this replica
// still leads, where the head is, and what stands at the entry's place (our entry: 'o', another:
// 'a', nothing: ' ').
struct RefusalCase {
  bool is_repeated;
  bool leads;
  Sequence head;
  char entry;
  Step step;
};

TEST_F(LogWriterTest, ARefusalTellsWhatBecameOfTheEntry) {
  const RefusalCase cases[] = {
      {true, true, 1, 'o', Step::kDone},      // An earlier attempt was carried out.
      {true, false, 1, 'o', Step::kDone},     // And then another replica won.
      {true, false, 9, 'o', Step::kDone},     // And appended.
      {true, false, 1, 'a', Step::kFenced},   // Another replica took the place.
      {true, true, 1, 'a', Step::kFenced},    // A second process with our term.
      {true, false, 0, ' ', Step::kFenced},   // Deposed; earlier attempts cannot succeed later.
      {true, true, 0, ' ', Step::kUnknown},   // No log of ours answers so; assume nothing.
      {true, false, 9, ' ', Step::kUnknown},  // Trimmed.
      {false, false, 0, ' ', Step::kFenced},  // Deposed before the first attempt.
      {false, false, 1, 'a', Step::kFenced}, {false, false, 9, ' ', Step::kFenced},
  };
  for (const RefusalCase& c : cases) {
    SCOPED_TRACE(&c - cases);
    LogWriter writer(&codec_, {.epoch = 5, .key = 77, .head = {}});
    writer.Begin("changes", kSalt);
    if (c.is_repeated) writer.OnAnswer({.kind = Kind::kNoAnswer});
    std::optional<std::string> entry;
    if (c.entry == 'o') entry = writer.request().entry.bytes;
    if (c.entry == 'a') entry = "another";
    EXPECT_EQ(writer.OnAnswer(Refused(c.leads, c.head, entry)), c.step);
    EXPECT_EQ(writer.mark().position.sequence, c.step == Step::kDone ? 1 : 0);
  }
}

TEST_F(LogWriterTest, WhenTheLeaseEndsAnEntryIsUnknownOnlyIfItWasSent) {
  writer_.Begin("changes", kSalt);
  EXPECT_EQ(writer_.OnLeaseEnded(), Step::kFenced);
  writer_.OnAnswer({.kind = Kind::kNoAnswer});
  EXPECT_EQ(writer_.OnLeaseEnded(), Step::kUnknown);
  writer_.OnAnswer({.kind = Kind::kAppended});
  writer_.Begin("next", kSalt);
  EXPECT_EQ(writer_.OnLeaseEnded(), Step::kFenced);
}

}  // namespace
}  // namespace convergia::store
