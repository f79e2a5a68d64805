// Signing in.

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/line/rows.h"
#include "common/lineserver/server_state.h"
#include "common/lineserver/session.h"

namespace convergia::lineserver {

using session::Counter;

void Session::SignIn(absl::string_view user, absl::string_view secret, Responder responder) {
  if (signed_in_) {
    return responder.Fail(Fail(FailCode::kDenied,
                               absl::StrCat("you are already signed in as ", signed_in_->user.str(),
                                            "; open another connection for another name")));
  }
  const absl::StatusOr<Username> name = Username::Parse(user);
  if (!name.ok()) return responder.Fail(name.status());
  connection_.BeginSignIn();  // Later requests wait until this one is answered.
  signs_in_ = true;
  sign_in_generation_ = responder.key().generation;
  auto done = [self = self(),
               responder = std::move(responder)](absl::StatusOr<SignedIn> result) mutable {
    if (self->shard().RunsHere()) {
      return self->OnSignInDone(std::move(result), std::move(responder));
    }
    Shard& shard = self->shard();
    shard.Post([self = std::move(self), responder = std::move(responder),
                result = std::move(result)]() mutable {
      self->OnSignInDone(std::move(result), std::move(responder));
    });
  };
  server_.authenticator.SignIn(*name, secret, peer_address(), std::move(done));
}

void Session::OnSignInDone(absl::StatusOr<SignedIn> result, Responder responder) {
  if (!connection_.is_open()) return;
  const absl::Status status =
      result.ok() ? AdmitSignedIn(*std::move(result)) : std::move(result).status();
  if (!status.ok()) {
    counters().Add(Counter::kSignInsFailed);
    return responder.Fail(status);
  }
  counters().Add(Counter::kSignIns);
  framer_.set_packet_bytes_max(server_.limits.packet_bytes_max);
  framer_.set_drops_cr(false);
  responder.Ok(SignInRows());
  // Many sessions only listen from now on, so free what they do not need.
  signed_in_->ticket = std::string();
  pending_.Shrink();
}

absl::Status Session::AdmitSignedIn(SignedIn signed_in) {
  if (!connection_.SignIn()) {
    return Fail(FailCode::kBusy,
                "too many people are signed in from your address; try again when some have left");
  }
  signed_in_ = std::move(signed_in);
  if (server_.observer == nullptr) return absl::OkStatus();
  const absl::Status status = server_.observer->OnSignedIn(*this);
  observer_knows_ = status.ok();
  if (!status.ok()) {
    extension_.reset();
    signed_in_.reset();
    connection_.SignOut();
  }
  return status;
}

std::string Session::SignInRows() const {
  line::RowWriter rows;
  rows.Add({"user", signed_in_->user.str()});
  rows.Add({"session", absl::StrCat(id())});
  if (!signed_in_->ticket.empty()) {
    rows.Add({"ticket", signed_in_->ticket});
    rows.Add({"expires", absl::StrCat(absl::ToUnixMillis(signed_in_->expires))});
  }
  return rows.data();
}

}  // namespace convergia::lineserver
