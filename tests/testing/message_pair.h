#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/testing/line_client.h"

namespace convergia::testing {

// A sender and a recipient under load. Each attempt to send has its own number, counting up. A
// failed attempt is not repeated; the next attempt takes its place. Not thread-safe.
class MessagePair {
 public:
  struct Options {
    int messages = 2000;       // The number to be answered OK.
    int window = 32;           // The most unanswered at one time.
    size_t padding_bytes = 0;  // Added to each message, in bytes.
  };

  // `to` is the recipient's name; `from` is the sender's name as the recipient reads it.
  MessagePair(std::string from, std::string to, std::unique_ptr<LineClient> sender,
              std::unique_ptr<LineClient> recipient, const Options& options);

  LineClient& sender() { return *sender_; }
  LineClient& recipient() { return *recipient_; }
  const std::string& name() const { return name_; }
  int ok() const { return ok_; }
  int unconfirmed() const { return unconfirmed_; }
  int failed() const { return failed_; }
  // Adds `messages` to the number wanted.
  void SendMore(int messages) { wanted_ += messages; }
  bool done() const { return ok_ >= wanted_ && unanswered_ == 0; }
  // True if the recipient has every acknowledged message.
  bool HasAll() const;

  // If `hold`, stops sending after a failed attempt, until this is called with false.
  void HoldBackAfterFailure(bool hold) {
    holds_after_failure_ = hold;
    if (!hold) holds_back_ = false;
  }

  // Queues messages up to the window; Pump() of the sender sends them.
  void SendSome();
  // Reads what has arrived at both ends. True if anything has.
  bool Take();

  // Expects that no message was lost, doubled or out of order, and that none with a FAIL that
  // denies delivery was delivered.
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
  std::vector<int> received_;      // The number of arrivals of each attempt.
  int unanswered_ = 0;
  int ok_ = 0;
  int failed_ = 0;
  int unconfirmed_ = 0;
  bool holds_after_failure_ = false;
  bool holds_back_ = false;
  int last_received_ = -1;
  int out_of_order_ = 0;
  std::string strange_;  // The last unexpected packet.
};

}  // namespace convergia::testing
