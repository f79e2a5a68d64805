#include "common/base/inline_function.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

namespace convergia {
namespace {

using AddTo = InlineFunction<void(std::unique_ptr<int>), 24>;

TEST(InlineFunctionTest, CallsWithMoveOnlyArgumentsAndCaptures) {
  int sum = 0;
  AddTo add = [&sum, more = std::make_unique<int>(1)](std::unique_ptr<int> n) {
    sum += *n + *more;
  };
  add(std::make_unique<int>(2));
  add(std::make_unique<int>(3));
  EXPECT_EQ(sum, 7);
}

TEST(InlineFunctionTest, TheCapturesLiveExactlyAsLongAsTheFunction) {
  const auto watched = std::make_shared<int>(0);
  {
    AddTo first = [watched](std::unique_ptr<int>) {};
    EXPECT_EQ(watched.use_count(), 2);
    AddTo second = std::move(first);
    EXPECT_EQ(watched.use_count(), 2);
    EXPECT_FALSE(first);
    EXPECT_TRUE(second);
    AddTo third = [watched](std::unique_ptr<int>) {};
    EXPECT_EQ(watched.use_count(), 3);
    third = std::move(second);
    EXPECT_EQ(watched.use_count(), 2);
    third = AddTo();
    EXPECT_EQ(watched.use_count(), 1);
    EXPECT_FALSE(third);
  }
  EXPECT_EQ(watched.use_count(), 1);
}

TEST(InlineFunctionTest, MovesWithAVectorThatGrows) {
  std::vector<InlineFunction<void(int), 16>> functions;
  int sum = 0;
  for (int i = 0; i < 100; ++i) {
    functions.push_back([&sum, held = std::make_unique<int>(i)](int by) { sum += *held * by; });
  }
  for (auto& function : functions) function(2);
  EXPECT_EQ(sum, 9900);
}

}  // namespace
}  // namespace convergia
