#include "common/base/net/address_race.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace convergia {
namespace {

using Family = AddressRace::Family;
using State = AddressRace::State;
using ::testing::ElementsAre;

constexpr absl::Duration kDeadline = absl::Seconds(5);

absl::Duration Ms(int64_t milliseconds) { return absl::Milliseconds(milliseconds); }

// "466": one IPv4 address, two of IPv6.
std::vector<Family> FamiliesOf(absl::string_view text) {
  std::vector<Family> families;
  for (const char digit : text) {
    families.push_back(digit == '4' ? Family::kIpv4 : Family::kIpv6);
  }
  return families;
}

// The step to be done, as one word: "start 1", "cancel 0,2", "-".
std::string TextOf(const AddressRace::Step& step) {
  if (step.start.has_value()) return absl::StrCat("start ", *step.start);
  if (step.cancel.empty()) return "-";
  std::string text = "cancel";
  for (const size_t index : step.cancel) {
    absl::StrAppend(&text, text == "cancel" ? " " : ",", index);
  }
  return text;
}

TEST(AddressRaceTest, FamiliesTakeTurnsAndTheResolversChoiceBegins) {
  const struct {
    absl::string_view families;
    std::vector<size_t> order;
  } kRows[] = {
      {"", {}},
      {"4", {0}},
      {"44", {0, 1}},
      {"64", {0, 1}},
      {"46", {0, 1}},
      {"6644", {0, 2, 1, 3}},
      {"4466", {0, 2, 1, 3}},
      {"66644", {0, 3, 1, 4, 2}},
      {"6444", {0, 1, 2, 3}},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(AddressRace::Interleaved(FamiliesOf(row.families)), row.order) << row.families;
  }
}

struct Event {
  enum What { kResolved, kConnected, kFailed, kTimer, kCancel } what;
  int64_t at_ms;
  size_t index;
  absl::string_view step;  // The answer.
  int64_t next_timer_ms;   // -1: never.
};

struct Row {
  absl::string_view name;
  absl::string_view families;
  std::vector<Event> events;
  State end;
};

AddressRace::Step Tell(AddressRace* race, const Event& event, absl::string_view families) {
  switch (event.what) {
    case Event::kResolved:
      return race->OnResolved(FamiliesOf(families), Ms(event.at_ms));
    case Event::kConnected:
      return race->OnConnected(event.index);
    case Event::kFailed:
      return race->OnFailed(event.index, Ms(event.at_ms));
    case Event::kTimer:
      return race->OnTimer(Ms(event.at_ms));
    case Event::kCancel:
      return race->Cancel();
  }
  return {};
}

std::vector<Row> Rows() {
  return {
      {"one address that answers",
       "4",
       {{Event::kResolved, 10, 0, "start 0", 5000}, {Event::kConnected, 20, 0, "-", -1}},
       State::kWon},
      {"a silent first address and a living second",
       "64",
       {{Event::kResolved, 0, 0, "start 0", 250},
        {Event::kTimer, 249, 0, "-", 250},
        {Event::kTimer, 250, 0, "start 1", 5000},
        {Event::kConnected, 260, 1, "cancel 0", -1}},
       State::kWon},
      {"a first address that refuses: the second follows at once",
       "64",
       {{Event::kResolved, 0, 0, "start 0", 250},
        {Event::kFailed, 1, 0, "start 1", 5000},
        {Event::kConnected, 2, 1, "-", -1}},
       State::kWon},
      {"the first is slow and still wins",
       "644",
       {{Event::kResolved, 0, 0, "start 0", 250},
        {Event::kTimer, 250, 0, "start 1", 500},
        {Event::kTimer, 500, 0, "start 2", 5000},
        {Event::kConnected, 600, 0, "cancel 1,2", -1},
        {Event::kConnected, 601, 1, "-", -1}},
       State::kWon},
      {"a failure restarts the next one's 250 ms",
       "644",
       {{Event::kResolved, 0, 0, "start 0", 250},
        {Event::kFailed, 100, 0, "start 1", 350},
        {Event::kTimer, 250, 0, "-", 350},
        {Event::kTimer, 350, 0, "start 2", 5000},
        {Event::kFailed, 400, 2, "-", 5000},
        {Event::kFailed, 410, 1, "-", -1}},
       State::kLost},
      {"no address at all", "", {{Event::kResolved, 0, 0, "-", -1}}, State::kLost},
      {"silence everywhere ends at the deadline",
       "64",
       {{Event::kResolved, 0, 0, "start 0", 250},
        {Event::kTimer, 250, 0, "start 1", 5000},
        {Event::kTimer, 4999, 0, "-", 5000},
        {Event::kTimer, 5000, 0, "cancel 0,1", -1}},
       State::kTimedOut},
      {"a resolver that never answers ends at the deadline, too",
       "64",
       {{Event::kTimer, 4999, 0, "-", 5000},
        {Event::kTimer, 5000, 0, "-", -1},
        {Event::kResolved, 5001, 0, "-", -1}},
       State::kTimedOut},
      {"cancelled",
       "4",
       {{Event::kResolved, 0, 0, "start 0", 5000},
        {Event::kCancel, 1, 0, "cancel 0", -1},
        {Event::kConnected, 2, 0, "-", -1}},
       State::kCancelled},
      {"what was never started cannot end",
       "64",
       {{Event::kResolved, 0, 0, "start 0", 250},
        {Event::kFailed, 1, 1, "-", 250},
        {Event::kConnected, 2, 1, "-", 250},
        {Event::kResolved, 3, 0, "-", 250}},
       State::kRunning},
  };
}

TEST(AddressRaceTest, EachEventHasItsAnswer) {
  for (const Row& row : Rows()) {
    AddressRace race(kDeadline);
    for (const Event& event : row.events) {
      SCOPED_TRACE(absl::StrCat(row.name, ", at ", event.at_ms, " ms"));
      EXPECT_EQ(TextOf(Tell(&race, event, row.families)), event.step);
      EXPECT_EQ(race.next_timer(),
                event.next_timer_ms < 0 ? absl::InfiniteDuration() : Ms(event.next_timer_ms));
    }
    EXPECT_EQ(race.state(), row.end) << row.name;
  }
}

TEST(AddressRaceTest, ANameWithVeryManyAddressesIsTriedInPart) {
  AddressRace race(absl::InfiniteDuration());
  size_t started = 0;
  const std::vector<Family> families(1000, Family::kIpv4);
  for (AddressRace::Step step = race.OnResolved(families, Ms(0)); step.start.has_value();
       step = race.OnFailed(*step.start, Ms(0))) {
    ++started;
  }
  EXPECT_EQ(started, limits::kDialAddressesMax);
  EXPECT_EQ(race.state(), State::kLost);
}

}  // namespace
}  // namespace convergia
