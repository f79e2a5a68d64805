#include "common/store/replicated/entry_codec.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "common/base/testing/status_testing.h"
#include "common/store/replicated/log_mark.h"

namespace convergia::store {
namespace {

const std::string kSecret(32, 's');
const std::string kLogId(kLogIdBytes, 'i');
const std::string kSalt(EntryCodec::kSaltBytes, 'x');

Entry SomeEntry() {
  return {.epoch = 7,
          .sequence = 42,
          .previous = std::string(kLogHashBytes, 'p'),
          .changes = "what changes"};
}

TEST(EntryCodecTest, AnEntryOpensAsItWasSealedWhateverItsSize) {
  const EntryCodec codec(kSecret, kLogId);
  for (const size_t bytes : {0, 1, 15, 16, 17, 64 * 1024, 1024 * 1024}) {
    SCOPED_TRACE(bytes);
    Entry entry = SomeEntry();
    entry.changes = std::string(bytes, 'c');
    ASSERT_OK_AND_ASSIGN(const Entry opened, codec.Open(codec.Seal(entry, kSalt)));
    EXPECT_EQ(opened, entry);
  }
}

TEST(EntryCodecTest, ASealedEntryShowsNothingOfTheChanges) {
  const EntryCodec codec(kSecret, kLogId);
  EXPECT_EQ(codec.Seal(SomeEntry(), kSalt).find("what"), std::string::npos);
}

TEST(EntryCodecTest, NoBitCanBeChangedAndNoByteCutOff) {
  const EntryCodec codec(kSecret, kLogId);
  const std::string sealed = codec.Seal(SomeEntry(), kSalt);
  for (size_t i = 0; i < sealed.size(); ++i) {
    SCOPED_TRACE(i);
    std::string changed = sealed;
    changed[i] ^= 1;
    EXPECT_THAT(codec.Open(changed), StatusIs(absl::StatusCode::kDataLoss));
    EXPECT_THAT(codec.Open(sealed.substr(0, i)), StatusIs(absl::StatusCode::kDataLoss));
  }
  EXPECT_THAT(codec.Open(sealed + "x"), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(EntryCodecTest, AnotherSecretOrAnotherLogOpensNothing) {
  const std::string sealed = EntryCodec(kSecret, kLogId).Seal(SomeEntry(), kSalt);
  EXPECT_FALSE(EntryCodec(std::string(32, 't'), kLogId).Open(sealed).ok());
  EXPECT_FALSE(EntryCodec(kSecret, std::string(kLogIdBytes, 'j')).Open(sealed).ok());
}

// The format is for ever: replicas of two versions read one log.
TEST(EntryCodecTest, TheFormatStaysAsItIs) {
  const std::string sealed = EntryCodec(kSecret, kLogId).Seal(SomeEntry(), kSalt);
  EXPECT_EQ(sealed.size(), 1 + 8 + 8 + 32 + 32 + 12 + 16);
  EXPECT_EQ(sealed.substr(0, 17), std::string("\1\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\x2a", 17));
  EXPECT_EQ(sealed.substr(17, 64), SomeEntry().previous + kSalt);
  EXPECT_EQ(absl::BytesToHexString(sealed.substr(81)),
            "ddea6d7e03c43af937294cb7d3474e89745b59bd53f066cedf83690a");
}

TEST(LogMarkTest, AMarkIsReadBackAndNothingElseIsAMark) {
  const LogMark mark = {kLogId, 3, {9, std::string(kLogHashBytes, 'h')}};
  const std::string bytes = EncodeMark(mark);
  ASSERT_OK_AND_ASSIGN(const LogMark decoded, DecodeMark(bytes));
  EXPECT_EQ(decoded, mark);
  for (size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(DecodeMark(bytes.substr(0, cut)).ok());
  EXPECT_FALSE(DecodeMark(bytes + "x").ok());
}

struct FollowCase {
  const char* name;
  std::string mark;
  uint64_t revision;
  Sequence first, head;
  absl::StatusCode code;
};

LogPosition At(Sequence sequence) { return {sequence, std::string(kLogHashBytes, 'h')}; }
std::string MarkAt(Sequence sequence, const std::string& id = kLogId) {
  return EncodeMark({id, 1, At(sequence)});
}

class WhereToFollowTest : public testing::TestWithParam<FollowCase> {};

TEST_P(WhereToFollowTest, SaysWhetherAStoreFitsTheLog) {
  LogState state;
  state.id = kLogId;
  state.first = GetParam().first;
  if (GetParam().head > 0) state.head = At(GetParam().head);
  const auto mark = WhereToFollow(GetParam().mark, GetParam().revision, state);
  EXPECT_EQ(mark.status().code(), GetParam().code) << mark.status();
}

INSTANTIATE_TEST_SUITE_P(
    Stores, WhereToFollowTest,
    testing::ValuesIn<FollowCase>({
        {"AnEmptyStoreAndAnEmptyLog", "", 0, 1, 0, absl::StatusCode::kOk},
        {"AnEmptyStoreAndAWholeLog", "", 0, 1, 9, absl::StatusCode::kOk},
        {"AnEmptyStoreAndATrimmedLog", "", 0, 2, 9, absl::StatusCode::kOutOfRange},
        {"AStoreWithRowsOfItsOwn", "", 1, 1, 9, absl::StatusCode::kFailedPrecondition},
        {"AStoreThatLags", MarkAt(4), 4, 5, 9, absl::StatusCode::kOk},
        {"AStoreThatLagsTooFar", MarkAt(3), 3, 5, 9, absl::StatusCode::kOutOfRange},
        {"AStoreAtTheHead", MarkAt(9), 9, 5, 9, absl::StatusCode::kOk},
        {"AStoreAheadOfTheLog", MarkAt(10), 9, 5, 9, absl::StatusCode::kFailedPrecondition},
        {"AStoreOfAnotherLog", MarkAt(9, std::string(kLogIdBytes, 'j')), 9, 5, 9,
         absl::StatusCode::kFailedPrecondition},
        {"ADamagedMark", "mark", 9, 5, 9, absl::StatusCode::kDataLoss},
    }),
    [](const auto& info) { return std::string(info.param.name); });

TEST(WhereToFollowHeadTest, AnotherEntryAtTheHeadIsAnotherHistory) {
  LogState state;
  state.id = kLogId;
  state.head = {9, std::string(kLogHashBytes, 'g')};
  EXPECT_THAT(WhereToFollow(MarkAt(9), 9, state), StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace convergia::store
