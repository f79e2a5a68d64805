#include "mgmt/accounts/passwords/fair_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_join.h"

namespace convergia::mgmt {
namespace {

// Each item is named by its key and a number.
std::string Served(FairQueue<std::string>* queue) {
  std::vector<std::string> served;
  while (auto item = queue->Pop()) served.push_back(*item);
  return absl::StrJoin(served, " ");
}

TEST(FairQueueTest, ServesKeysInTurn) {
  struct Case {
    std::vector<const char*> pushed;
    const char* served;
  };
  for (const Case& c : std::vector<Case>{
           {{}, ""},
           {{"a1", "a2", "a3"}, "a1 a2 a3"},
           {{"a1", "a2", "a3", "b1"}, "a1 b1 a2 a3"},
           {{"a1", "b1", "a2", "b2", "c1"}, "a1 b1 c1 a2 b2"},
           {{"b1", "a1", "a2", "a3", "a4", "b2"}, "b1 a1 b2 a2 a3 a4"},
       }) {
    FairQueue<std::string> queue(100);
    for (const std::string item : c.pushed) EXPECT_FALSE(queue.Push(item.substr(0, 1), item));
    EXPECT_EQ(queue.size(), c.pushed.size());
    EXPECT_EQ(Served(&queue), c.served);
    EXPECT_EQ(queue.size(), 0);
  }
}

TEST(FairQueueTest, WhenFullTheLongestLineGivesWay) {
  struct Case {
    std::vector<const char*> pushed;
    const char* refused;
    const char* served;
  };
  for (const Case& c : std::vector<Case>{
           {{"a1", "a2", "a3", "a4", "a5"}, "a5", "a1 a2 a3 a4"},
           {{"a1", "a2", "a3", "a4", "b1"}, "a4", "a1 b1 a2 a3"},
           {{"a1", "a2", "a3", "a4", "b1", "b2"}, "a4 a3", "a1 b1 a2 b2"},
           {{"a1", "a2", "a3", "a4", "b1", "b2", "b3"}, "a4 a3 b3", "a1 b1 a2 b2"},
           {{"a1", "a2", "a3", "a4", "b1", "c1"}, "a4 a3", "a1 b1 c1 a2"},
           {{"a1", "b1", "c1", "d1", "e1"}, "e1", "a1 b1 c1 d1"},
       }) {
    FairQueue<std::string> queue(4);
    std::vector<std::string> refused;
    for (const std::string item : c.pushed) {
      if (auto displaced = queue.Push(item.substr(0, 1), item)) refused.push_back(*displaced);
    }
    EXPECT_EQ(absl::StrJoin(refused, " "), c.refused);
    EXPECT_EQ(Served(&queue), c.served);
  }
}

TEST(FairQueueTest, AKeyThatComesAgainGetsItsTurnAgain) {
  FairQueue<std::string> queue(100);
  for (const char* item : {"a1", "a2", "a3"}) queue.Push("a", item);
  EXPECT_EQ(*queue.Pop(), "a1");
  queue.Push("b", "b1");
  EXPECT_EQ(*queue.Pop(), "a2");
  EXPECT_EQ(*queue.Pop(), "b1");
  queue.Push("b", "b2");
  EXPECT_EQ(*queue.Pop(), "a3");
  EXPECT_EQ(*queue.Pop(), "b2");
}

}  // namespace
}  // namespace convergia::mgmt
