#include "tests/testing/message_pair.h"

#include <gtest/gtest.h>

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace convergia::testing {

MessagePair::MessagePair(std::string from, std::string to, std::unique_ptr<LineClient> sender,
                         std::unique_ptr<LineClient> recipient, const Options& options)
    : from_(std::move(from)),
      to_(std::move(to)),
      name_(absl::StrCat(from_, " to ", to_)),
      sender_(std::move(sender)),
      recipient_(std::move(recipient)),
      options_(options),
      wanted_(options.messages) {}

void MessagePair::SendSome() {
  while (!holds_back_ && unanswered_ < options_.window && ok_ + unanswered_ < wanted_) {
    std::string packet =
        absl::StrCat(outcomes_.size(), " SENDMESSAGE ", to_, "\n", outcomes_.size());
    if (options_.padding_bytes > 0) {
      absl::StrAppend(&packet, " ", std::string(options_.padding_bytes, 'x'));
    }
    sender_->Queue(packet);
    outcomes_.push_back(Outcome::kUnanswered);
    received_.push_back(0);
    ++unanswered_;
  }
}

bool MessagePair::Take() {
  bool moved = false;
  std::string packet;
  while (sender_->TakeArrived(&packet)) {
    moved = true;
    TakeAnswer(packet);
  }
  while (recipient_->TakeArrived(&packet)) {
    moved = true;
    TakeMessage(packet);
  }
  return moved;
}

bool MessagePair::HasAll() const {
  for (size_t i = 0; i < outcomes_.size(); ++i) {
    if (outcomes_[i] == Outcome::kOk && received_[i] == 0) return false;
  }
  return true;
}

// "12 OK 1" or "12 FAIL BUSY ...".
void MessagePair::TakeAnswer(const std::string& packet) {
  const std::vector<std::string> parts = absl::StrSplit(packet, absl::MaxSplits(' ', 3));
  size_t number = 0;
  if (parts.size() < 3 || !absl::SimpleAtoi(parts[0], &number) || number >= outcomes_.size() ||
      outcomes_[number] != Outcome::kUnanswered) {
    if (packet != "PING") strange_ = packet;
    return;
  }
  --unanswered_;
  if (parts[1] == "OK" && parts[2] == "1") {
    outcomes_[number] = Outcome::kOk;
    ++ok_;
    return;
  }
  const bool is_unsure = parts[2] == "UNCONFIRMED";
  outcomes_[number] = is_unsure ? Outcome::kUnconfirmed : Outcome::kFailed;
  ++(is_unsure ? unconfirmed_ : failed_);
  holds_back_ = holds_after_failure_;
  if (parts[1] == "OK") strange_ = packet;
}

// "RECEIVEMESSAGE from LF time LF number", with or without padding.
void MessagePair::TakeMessage(const std::string& packet) {
  const std::vector<std::string> fields = absl::StrSplit(packet, '\n');
  int number = -1;
  if (fields.size() != 3 || fields[0] != absl::StrCat("RECEIVEMESSAGE ", from_) ||
      !absl::SimpleAtoi(fields[2].substr(0, fields[2].find(' ')), &number) || number < 0 ||
      number >= static_cast<int>(received_.size())) {
    if (packet != "PING") strange_ = packet;
    return;
  }
  ++received_[number];
  if (number <= last_received_) ++out_of_order_;
  last_received_ = number;
}

void MessagePair::Check() const {
  SCOPED_TRACE(name_);
  int lost = 0, doubled = 0, ghosts = 0;
  for (size_t i = 0; i < outcomes_.size(); ++i) {
    lost += outcomes_[i] == Outcome::kOk && received_[i] == 0;
    doubled += received_[i] > 1;
    ghosts += outcomes_[i] == Outcome::kFailed && received_[i] > 0;
  }
  EXPECT_EQ(ok_, wanted_);
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(doubled, 0);
  EXPECT_EQ(ghosts, 0) << "answered FAIL and delivered all the same";
  EXPECT_EQ(out_of_order_, 0);
  EXPECT_EQ(strange_, "");
}

}  // namespace convergia::testing
