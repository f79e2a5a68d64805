// Incoming packets: from the framer to the command table.

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/line/packet.h"
#include "common/line/reply.h"
#include "common/lineserver/server_state.h"
#include "common/lineserver/session.h"

namespace convergia::lineserver {

using session::Counter;

namespace {

// "no fields", "1 field", "2 to 3 fields, separated by escaped newlines (a tilde, then Enter)".
std::string HowManyFields(int min, int max) {
  if (max == 0) return "no fields";
  const absl::string_view fields =
      max == 1 ? " field" : " fields, separated by escaped newlines (a tilde, then Enter)";
  if (min == max) return absl::StrCat(max, fields);
  if (min == 0) return absl::StrCat("at most ", max, fields);
  return absl::StrCat(min, " to ", max, fields);
}

absl::Status WrongFields(const CommandSpec& command) {
  return Fail(
      FailCode::kBadField,
      absl::StrCat(command.word, " takes ", HowManyFields(command.fields_min, command.fields_max),
                   ": ", command.word, " ", command.help));
}

// Before sign-in the word may be part of a password that contains an unescaped newline, so the text
// does not repeat it.
absl::Status UnknownCommand(absl::string_view word, bool is_signed_in) {
  if (is_signed_in) {
    return Fail(FailCode::kUnknownCommand, absl::StrCat("there is no command ", word.substr(0, 64),
                                                        " here; HELP lists those there are"));
  }
  return Fail(FailCode::kUnknownCommand,
              "there is no such command; HELP lists those there are; to sign in: your name, an "
              "escaped newline (a tilde, then Enter), your password");
}

}  // namespace

bool Session::OnBytes(absl::Span<char>* bytes) {
  while (connection_.CanRead() && CanRead()) {
    absl::string_view packet;
    switch (framer_.Pull(bytes, &packet)) {
      case line::Framer::Next::kPacket:
        OnPacket(packet);
        break;
      case line::Framer::Next::kTooLong:
        OnTooLong(packet);
        break;
      case line::Framer::Next::kNeedMore:
        if (!framer_.skipping() || signed_in_) return true;
        OnTooLong({});  // Before sign-in, the end of a packet that is too long is not awaited.
        break;
    }
  }
  return false;
}

bool Session::CanRead() const {
  const SessionLimits& limits = server_.limits;
  return pending_.outstanding() < static_cast<size_t>(limits.requests_outstanding_max) &&
         connection_.outbox_bytes() + pending_.held_bytes() < limits.outbox_bytes_soft &&
         pending_.reserved_bytes() < limits.answers_bytes_max &&
         pending_.outstanding_bytes() < limits.request_bytes_outstanding_max;
}

std::optional<Responder> Session::BeginRequest(absl::string_view id) {
  const std::optional<RequestKey> key = pending_.Begin(id);
  if (key) return Responder(self(), *key);
  line::AppendFail(id,
                   Fail(FailCode::kBadField,
                        "a request with this id is still outstanding; give each its own id"),
                   connection_.out());
  counters().Add(Counter::kPacketsOut);
  return std::nullopt;
}

void Session::OnPacket(absl::string_view packet) {
  counters().Add(Counter::kPacketsIn);
  absl::string_view id;
  const absl::StatusOr<line::Request> request = line::ParseRequest(packet, &id);
  if (request.ok()) return OnRequest(*request);
  if (const auto sign_in = line::ParseBareSignIn(packet);
      sign_in && Username::Parse(sign_in->first).ok()) {
    return OnBareSignIn(sign_in->first, sign_in->second);
  }
  OnBadPacket(id, request.status());
}

void Session::OnRequest(const line::Request& request) {
  std::optional<Responder> responder = BeginRequest(request.id);
  if (!responder) return;
  const CommandSpec* const command = table_.Find(request.word);
  if (command == nullptr) {
    counters().Add(Counter::kRequestsUnknown);
    return responder->Fail(UnknownCommand(request.word, signed_in_.has_value()));
  }
  RunCommand(*command, request.data, request.has_data, *std::move(responder));
}

void Session::OnBareSignIn(absl::string_view user, absl::string_view secret) {
  // A request without an id is never refused, so there is always a responder.
  SignIn(user, secret, *BeginRequest({}));
}

void Session::OnBadPacket(absl::string_view id, const absl::Status& status) {
  counters().Add(Counter::kPacketsBad);
  std::optional<Responder> responder = BeginRequest(id);
  if (responder) responder->Fail(status);
}

void Session::OnTooLong(absl::string_view prefix) {
  counters().Add(Counter::kPacketsTooLong);
  const size_t bytes_max =
      signed_in_ ? server_.limits.packet_bytes_max : server_.limits.packet_bytes_max_before_sign_in;
  const absl::Status status =
      Fail(FailCode::kTooLong, absl::StrCat("a packet has at most ", bytes_max,
                                            " bytes here; send it in parts, or sign in first"));
  absl::string_view id;
  line::ParseRequest(prefix, &id).IgnoreError();  // Finds the id. The error does not matter: the
                                                  // packet is refused anyway.
  std::optional<Responder> responder = BeginRequest(id);
  if (responder) responder->Fail(status);
  if (signed_in_) return;
  counters().Add(Counter::kClosedTooLong);
  Close(FailCode::kTooLong, status.message());
}

void Session::RunCommand(const CommandSpec& command, absl::string_view data, bool has_data,
                         Responder responder) {
  if (command.access == Access::kSignedIn && !signed_in_) {
    return responder.Fail(Fail(FailCode::kNotSignedIn,
                               "sign in first: LOGIN, your name, an escaped newline (a tilde, then "
                               "Enter), your password"));
  }
  std::array<absl::string_view, kFieldsMax> fields;
  // Counting fields scans the whole body, which may be long. Most commands have a fixed count.
  const size_t count =
      command.fields_min == command.fields_max
          ? command.fields_max
          : std::min<size_t>(line::CountFields(data, has_data), command.fields_max);
  const auto wanted = absl::MakeSpan(fields).first(count);
  if (count < static_cast<size_t>(command.fields_min) ||
      !line::SplitFields(data, has_data, wanted)) {
    return responder.Fail(WrongFields(command));
  }
  if (command.counts_as_message) connection_.CountMessage(data.size());
  pending_.Reserve(responder.key(), command.answer_bytes_max);
  command.handler(*this, wanted, std::move(responder));
}

}  // namespace convergia::lineserver
