#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/line/rows.h"
#include "edge/commands/data_commands.h"

namespace convergia::edge {

using lineserver::Access;
using lineserver::CommandSpec;
using lineserver::Fields;

namespace {

// INITOFFLINEMESSAGE to [SP to...]
absl::Status ParseInit(Fields fields, v1::DataRequest* request) {
  v1::InitMessageOp* op = request->mutable_init_message();
  for (const absl::string_view name : absl::StrSplit(fields[0], ' ')) {
    op->add_to(std::string(name));
  }
  return absl::OkStatus();
}

// APPENDOFFLINEMESSAGE id, data
absl::Status ParseAppend(Fields fields, v1::DataRequest* request) {
  CVG_ASSIGN_OR_RETURN(const uint64_t draft, ReadNumber("the draft's id", fields[0]));
  request->mutable_append_message()->set_draft(draft);
  request->mutable_append_message()->set_data(std::string(fields[1]));
  return absl::OkStatus();
}

absl::Status ParseSend(Fields fields, v1::DataRequest* request) {
  CVG_ASSIGN_OR_RETURN(const uint64_t draft, ReadNumber("the draft's id", fields[0]));
  request->mutable_send_message()->set_draft(draft);
  return absl::OkStatus();
}

absl::Status ParseCancel(Fields fields, v1::DataRequest* request) {
  CVG_ASSIGN_OR_RETURN(const uint64_t draft, ReadNumber("the draft's id", fields[0]));
  request->mutable_cancel_message()->set_draft(draft);
  return absl::OkStatus();
}

// LISTOFFLINEMESSAGES [after, limit]
absl::Status ParseList(Fields fields, v1::DataRequest* request) {
  v1::ListMessagesOp* op = request->mutable_list_messages();
  op->set_limit(limits::kStorageRowsMax);
  if (fields.empty()) return absl::OkStatus();
  if (fields.size() != 2) {
    return Fail(FailCode::kBadField, "give no fields, or the id to start after and a limit");
  }
  CVG_ASSIGN_OR_RETURN(const uint64_t after, ReadNumber("the id", fields[0]));
  CVG_ASSIGN_OR_RETURN(const uint64_t limit, ReadLimit(fields[1]));
  op->set_after(after);
  op->set_limit(static_cast<uint32_t>(limit));
  return absl::OkStatus();
}

// READOFFLINEMESSAGE id, offset, length
absl::Status ParseRead(Fields fields, v1::DataRequest* request) {
  CVG_ASSIGN_OR_RETURN(const uint64_t message, ReadNumber("the message's id", fields[0]));
  CVG_ASSIGN_OR_RETURN(const uint64_t offset, ReadNumber("the offset", fields[1]));
  CVG_ASSIGN_OR_RETURN(const uint64_t length, ReadNumber("the length", fields[2]));
  request->mutable_read_message()->set_message(message);
  request->mutable_read_message()->set_offset(offset);
  request->mutable_read_message()->set_length(length);
  return absl::OkStatus();
}

absl::Status ParseDelete(Fields fields, v1::DataRequest* request) {
  CVG_ASSIGN_OR_RETURN(const uint64_t message, ReadNumber("the message's id", fields[0]));
  request->mutable_delete_message()->set_message(message);
  return absl::OkStatus();
}

std::string MessagesText(v1::DataResponse& response) {
  line::RowWriter rows;
  for (const v1::MessageRow& row : response.messages().rows()) {
    rows.Add({absl::StrCat(row.id()), row.from(), absl::StrCat(row.bytes()),
              absl::StrCat(row.time_ms())});
  }
  return rows.data();
}

}  // namespace

std::vector<CommandSpec> MakeOfflineCommands(DataClient* data) {
  // clang-format off
  return {
      {"APPENDOFFLINEMESSAGE", 2, 2, Access::kSignedIn, AskData(data, ParseAppend, NumberText),
       "id LF data: add bytes to a draft; answers its size", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"CANCELOFFLINEMESSAGE", 1, 1, Access::kSignedIn, AskData(data, ParseCancel, NoData),
       "id: throw a draft away", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"DELETEOFFLINEMESSAGE", 1, 1, Access::kSignedIn, AskData(data, ParseDelete, NoData),
       "id: delete a message from your mailbox", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"INITOFFLINEMESSAGE", 1, 1, Access::kSignedIn, AskData(data, ParseInit, NumberText),
       "to [SP to...]: begin a message for people who may be away; answers the draft's id",
       /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"LISTOFFLINEMESSAGES", 0, 2, Access::kSignedIn, AskData(data, ParseList, MessagesText),
       "[after LF limit]: what is in your mailbox"},
      {"READOFFLINEMESSAGE", 3, 3, Access::kSignedIn, AskData(data, ParseRead, DataText),
       "id LF offset LF length: bytes of a message in your mailbox"},
      {"SENDOFFLINEMESSAGE", 1, 1, Access::kSignedIn, AskData(data, ParseSend, NoData),
       "id: put a draft into the mailboxes of all its recipients", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
  };
  // clang-format on
}

}  // namespace convergia::edge
