#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace convergia::client {

// Carries requests to a main server and returns the answers: BlockingClient, or a fake in tests.
// Thread-safe.
class Requester {
 public:
  using Done = std::function<void(absl::StatusOr<std::string>)>;

  virtual ~Requester() = default;

  // Sends any command (docs/PROTOCOL.md) and waits for the data of its OK. Errors: those of
  // Client::Request().
  virtual absl::StatusOr<std::string> Request(std::string word,
                                              std::vector<std::string> fields) = 0;

  // The same without waiting. `done` runs exactly once, on any thread, perhaps before this returns,
  // and must not block. Requests leave in the order of the calls.
  virtual void RequestThen(std::string word, std::vector<std::string> fields, Done done) = 0;
};

// Several requests under way at once; answers are taken in the order of the requests. Used by one
// thread. The destructor waits for all answers.
class RequestWindow {
 public:
  // At most `size` at once. `requester` must outlive the window.
  RequestWindow(Requester* requester, size_t size) : requester_(requester), size_(size) {}
  ~RequestWindow();

  bool full() const { return answers_.size() >= size_; }
  bool empty() const { return answers_.empty(); }

  // Must not be called while the window is full.
  void Send(std::string word, std::vector<std::string> fields);
  // Waits for the oldest answer that was not taken yet. Must not be called while the window is
  // empty.
  absl::StatusOr<std::string> TakeNext();

 private:
  struct Answer;

  Requester* const requester_;
  const size_t size_;
  std::deque<std::shared_ptr<Answer>> answers_;
};

}  // namespace convergia::client
