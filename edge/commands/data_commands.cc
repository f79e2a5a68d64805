#include "edge/commands/data_commands.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/limits.h"

namespace convergia::edge {

using lineserver::Fields;
using lineserver::Responder;
using lineserver::Session;

namespace {

// What the answer will weigh, if it is a read.
size_t AnswerBytes(const v1::DataRequest& request) {
  uint64_t length = 0;
  if (request.has_read_file()) length = request.read_file().length();
  if (request.has_read_message()) length = request.read_message().length();
  return static_cast<size_t>(std::min<uint64_t>(length, limits::kChunkBytesMax));
}

void FillSender(const Session& session, v1::DataRequest* request) {
  request->set_session(session.id());
  request->set_user(session.signed_in()->user.str());
  request->set_account(session.signed_in()->account);
}

}  // namespace

lineserver::Handler AskData(DataClient* data, Parse parse, Render render) {
  return [data, parse = std::move(parse), render = std::move(render)](
             Session& session, Fields fields, Responder responder) {
    v1::DataRequest request;
    if (absl::Status parsed = parse(fields, &request); !parsed.ok()) return responder.Fail(parsed);
    FillSender(session, &request);
    session.Weigh(responder.key(), request.ByteSizeLong() + AnswerBytes(request));
    data->Ask(std::move(request), [responder = std::move(responder),
                                   render](absl::StatusOr<v1::DataResponse> response) mutable {
      if (!response.ok()) return responder.Fail(response.status());
      responder.Ok(render(*response));
    });
  };
}

std::string NoData(v1::DataResponse&) { return ""; }
std::string NumberText(v1::DataResponse& response) { return absl::StrCat(response.number()); }
std::string DataText(v1::DataResponse& response) { return std::move(*response.mutable_data()); }

absl::StatusOr<uint64_t> ReadNumber(absl::string_view what, absl::string_view text) {
  uint64_t number = 0;
  const bool is_decimal = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  if (is_decimal && absl::SimpleAtoi(text, &number)) return number;
  return Fail(FailCode::kBadField, absl::StrCat(what, " is a whole number, 0 or more"));
}

absl::StatusOr<uint64_t> ReadLimit(absl::string_view text) {
  const absl::StatusOr<uint64_t> limit = ReadNumber("the limit", text);
  if (limit.ok() && *limit >= 1 && *limit <= limits::kStorageRowsMax) return limit;
  return Fail(FailCode::kBadField,
              absl::StrCat("the limit is a whole number from 1 to ", limits::kStorageRowsMax));
}

std::string AvailableText(const v1::MessageRow& message) {
  return absl::StrCat(message.id(), "\n", message.from(), "\n", message.bytes(), "\n",
                      message.time_ms());
}

void PushWaitingMessages(DataClient& data, Session& session) {
  v1::DataRequest request;
  FillSender(session, &request);
  request.mutable_list_messages()->set_limit(limits::kStorageRowsMax);
  data.Ask(std::move(request),
           [handle = session.handle()](absl::StatusOr<v1::DataResponse> response) {
             if (!response.ok()) return;  // They are told when storage is up again.
             if (response->messages().rows().empty()) return;
             auto rows = std::make_shared<v1::MessageRows>(std::move(response->messages()));
             handle.shard->Post([weak = handle.session, rows] {
               const auto session = weak.lock();
               if (session == nullptr) return;
               for (const v1::MessageRow& row : rows->rows()) {
                 if (!session->Push("OFFLINEMESSAGEAVAILABLE", AvailableText(row))) return;
               }
             });
           });
}

}  // namespace convergia::edge
