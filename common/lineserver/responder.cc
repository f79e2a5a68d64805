#include "common/lineserver/responder.h"

#include <glog/logging.h>

#include <utility>

#include "common/base/fail.h"
#include "common/lineserver/session.h"

namespace convergia::lineserver {

Responder& Responder::operator=(Responder&& other) {
  if (this != &other) {
    AnswerDropped();
    session_ = std::move(other.session_);
    key_ = other.key_;
  }
  return *this;
}

Responder::~Responder() { AnswerDropped(); }

void Responder::AnswerDropped() {
  if (session_ == nullptr) return;
  Fail(convergia::Fail(FailCode::kInternal, "the server lost this request; try again"));
}

void Responder::Ok(absl::string_view data) {
  CHECK(session_ != nullptr) << "a request is answered once";
  const std::shared_ptr<Session> session = std::move(session_);
  Shard& shard = session->shard();
  if (shard.RunsHere()) return session->Answer(key_, absl::OkStatus(), data);
  shard.Post([session, key = key_, data = std::string(data)] {
    session->Answer(key, absl::OkStatus(), data);
  });
}

void Responder::Fail(const absl::Status& status) {
  CHECK(session_ != nullptr) << "a request is answered once";
  CHECK(!status.ok());
  const std::shared_ptr<Session> session = std::move(session_);
  Shard& shard = session->shard();
  if (shard.RunsHere()) return session->Answer(key_, status, {});
  shard.Post([session, key = key_, status] { session->Answer(key, status, {}); });
}

void Responder::Finish(const absl::StatusOr<std::string>& result) {
  if (result.ok()) {
    Ok(*result);
  } else {
    Fail(result.status());
  }
}

}  // namespace convergia::lineserver
