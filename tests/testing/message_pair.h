#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/testing/line_client.h"

namespace convergia::testing {

// A sender and a recipient under load. Every attempt to send has a number of its own, counting up;
// an attempt that failed is not repeated, another one takes its place. Not thread-safe.
class MessagePair {
 public:
  struct Options {
    int messages = 2000;       // To be answered OK.
    int window = 32;           // Unanswered at a time.
    size_t padding_bytes = 0;  // Of each message, beside its number.
  };

  // `to`: the recipient's name. `from`: the sender's, as recipients read it.
  MessagePair(std::string from, std::string to, std::unique_ptr<LineClient> sender,
              std::unique_ptr<LineClient> recipient, const Options& options);

  LineClient& sender() { return *sender_; }
  LineClient& recipient() { return *recipient_; }
  const std::string& name() const { return name_; }
  int ok() const { return ok_; }
  int unconfirmed() const { return unconfirmed_; }
  int failed() const { return failed_; }
  // `messages` more than so far.
  void SendMore(int messages) { wanted_ += messages; }
  bool done() const { return ok_ >= wanted_ && unanswered_ == 0; }
  // Nothing that was acknowledged is on its way to the recipient any more.
  bool HasAll() const;

  // While nothing gets through, no attempt follows one that failed.
  void HoldBackAfterFailure(bool hold) {
    holds_after_failure_ = hold;
    if (!hold) holds_back_ = false;
  }

  void SendSome();
  // Takes what arrived at both ends. True if anything did.
  bool Take();

  // Expects that none was lost, doubled, out of order, or delivered after a FAIL that denied it.
  void Check() const;

 private:
  enum class Outcome : char { kUnanswered, kOk, kFailed, kUnconfirmed };

  void TakeAnswer(const std::string& packet);
  void TakeMessage(const std::string& packet);

  const std::string from_;
  const std::string to_;
  const std::string name_;
  const std::unique_ptr<LineClient> sender_;
  const std::unique_ptr<LineClient> recipient_;
  const Options options_;
  int wanted_;
  std::vector<Outcome> outcomes_;  // By attempt.
  std::vector<int> received_;      // How often each attempt arrived.
  int unanswered_ = 0;
  int ok_ = 0;
  int failed_ = 0;
  int unconfirmed_ = 0;
  bool holds_after_failure_ = false;
  bool holds_back_ = false;
  int last_received_ = -1;
  int out_of_order_ = 0;
  std::string strange_;  // The last packet that nobody expected.
};

}  // namespace convergia::testing
