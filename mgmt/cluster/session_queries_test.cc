#include "mgmt/cluster/session_queries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace convergia::mgmt {
namespace {

using testing::ElementsAre;

constexpr absl::Duration kStart = absl::Seconds(1000);

class SessionQueriesTest : public testing::Test {
 protected:
  uint64_t Begin(const std::set<NodeId>& edges) {
    return queries_.Begin(edges, {9}, kStart, [this](SessionQueries::Outcome outcome) {
      EXPECT_FALSE(outcome_.has_value());
      outcome_ = std::move(outcome);
    });
  }
  void Answer(NodeId edge, uint64_t query, uint64_t session) {
    v1::SessionsAnswer answer;
    answer.set_query(query);
    answer.add_rows()->set_session(session);
    queries_.OnAnswer(edge, answer);
  }

  SessionQueries queries_;
  std::optional<SessionQueries::Outcome> outcome_;
};

TEST_F(SessionQueriesTest, EndsWhenAllHaveAnswered) {
  const uint64_t query = Begin({2, 3});
  Answer(2, query, 7);
  Answer(2, query, 8);      // Said it already.
  Answer(4, query, 9);      // Was not asked.
  Answer(3, query + 1, 9);  // Not this.
  EXPECT_FALSE(outcome_.has_value());
  Answer(3, query, 5);
  ASSERT_TRUE(outcome_.has_value());
  ASSERT_EQ(outcome_->rows.size(), 2);
  EXPECT_EQ(outcome_->rows[2].at(0).session(), 7);
  EXPECT_EQ(outcome_->rows[3].at(0).session(), 5);
  EXPECT_THAT(outcome_->silent, ElementsAre(9));
}

TEST_F(SessionQueriesTest, SaysWhoDidNotAnswerInTime) {
  const uint64_t query = Begin({2, 3});
  Answer(2, query, 7);
  queries_.OnTick(kStart + SessionQueries::kAnswerWithin - absl::Milliseconds(1));
  EXPECT_FALSE(outcome_.has_value());
  queries_.OnTick(kStart + SessionQueries::kAnswerWithin);
  ASSERT_TRUE(outcome_.has_value());
  EXPECT_THAT(outcome_->silent, ElementsAre(3, 9));
  Answer(3, query, 5);
}

TEST_F(SessionQueriesTest, WhoIsGoneHasNoSessions) {
  Begin({2});
  queries_.OnGone(2);
  ASSERT_TRUE(outcome_.has_value());
  EXPECT_THAT(outcome_->silent, ElementsAre(9));
}

TEST_F(SessionQueriesTest, NobodyToAskIsAnsweredAtOnce) {
  Begin({});
  EXPECT_TRUE(outcome_.has_value());
}

TEST_F(SessionQueriesTest, TheNumberOfOpenQuestionsIsBounded) {
  for (size_t i = 0; i < SessionQueries::kOpenMax; ++i) {
    ASSERT_NE(queries_.Begin({2}, {}, kStart, [](SessionQueries::Outcome) {}), 0);
  }
  EXPECT_EQ(Begin({2}), 0);
  EXPECT_FALSE(outcome_.has_value());
}

}  // namespace
}  // namespace convergia::mgmt
