#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace convergia::client {

// Whoever carries requests to a main server and brings their answers: BlockingClient, or a test.
// Thread-safe.
class Requester {
 public:
  using Done = std::function<void(absl::StatusOr<std::string>)>;

  virtual ~Requester() = default;

  // Any command (docs/PROTOCOL.md); waits for the data of its OK. Errors: Client::Request().
  virtual absl::StatusOr<std::string> Request(std::string word,
                                              std::vector<std::string> fields) = 0;

  // The same without waiting. `done` runs once, on any thread, perhaps at once, and must not block.
  // Requests leave in the order of the calls.
  virtual void RequestThen(std::string word, std::vector<std::string> fields, Done done) = 0;
};

// Several requests under way at once, whose answers are taken in the order in which they were sent.
// Used by one thread. Its end waits for all answers.
class RequestWindow {
 public:
  // At most `size` at once. `requester` must outlive the window.
  RequestWindow(Requester* requester, size_t size) : requester_(requester), size_(size) {}
  ~RequestWindow();

  bool full() const { return answers_.size() >= size_; }
  bool empty() const { return answers_.empty(); }

  // Only if not full.
  void Send(std::string word, std::vector<std::string> fields);
  // The answer to the oldest request that was not taken; waits for it. Only if not empty.
  absl::StatusOr<std::string> TakeNext();

 private:
  struct Answer;

  Requester* const requester_;
  const size_t size_;
  std::deque<std::shared_ptr<Answer>> answers_;
};

}  // namespace convergia::client
