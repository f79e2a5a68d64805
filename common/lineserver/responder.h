#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/lineserver/pending_requests.h"

namespace convergia::lineserver {

class Session;

// Answers one request, exactly once, from any thread. On the session's thread the answer is written
// at once; from another thread it is posted there. If the session has closed, the answer is
// dropped. A responder that is destroyed without an answer sends FAIL INTERNAL.
class Responder {
 public:
  Responder() = default;  // Belongs to no request; for members that are assigned later.
  Responder(std::shared_ptr<Session> session, RequestKey key)
      : session_(std::move(session)), key_(key) {}
  Responder(Responder&&) = default;
  Responder& operator=(Responder&& other);
  ~Responder();

  void Ok() { Ok(absl::string_view()); }
  // Answers OK with `data`, which is copied before this returns.
  void Ok(absl::string_view data);
  // `status` must not be OK.
  void Fail(const absl::Status& status);
  // Ok(*result) or Fail(result.status()).
  void Finish(const absl::StatusOr<std::string>& result);

  // False after the answer; a second answer CHECK-fails.
  explicit operator bool() const { return session_ != nullptr; }

  RequestKey key() const { return key_; }

 private:
  void AnswerDropped();

  std::shared_ptr<Session> session_;
  RequestKey key_;
};

}  // namespace convergia::lineserver
