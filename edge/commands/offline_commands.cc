#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/line/rows.h"
#include "edge/commands/data_commands.h"
#include "edge/core/mail.h"

namespace convergia::edge {

using lineserver::Access;
using lineserver::CommandSpec;
using lineserver::Fields;

namespace {

// INITOFFLINEMESSAGE to [SP to...]
absl::StatusOr<BeginDraft> ParseInit(Fields fields) {
  return BeginDraft{.to = absl::StrSplit(fields[0], ' ')};
}

// APPENDOFFLINEMESSAGE id, data
absl::StatusOr<AppendToDraft> ParseAppend(Fields fields) {
  CVG_ASSIGN_OR_RETURN(const uint64_t draft, ReadNumber("the draft's id", fields[0]));
  return AppendToDraft{draft, std::string(fields[1])};
}

// A command whose only field is a draft.
template <typename Operation>
absl::StatusOr<Operation> ParseDraft(Fields fields) {
  CVG_ASSIGN_OR_RETURN(const uint64_t draft, ReadNumber("the draft's id", fields[0]));
  return Operation{.draft = draft};
}

// LISTOFFLINEMESSAGES [after, limit]
absl::StatusOr<ListMessages> ParseList(Fields fields) {
  ListMessages operation;
  if (fields.empty()) return operation;
  if (fields.size() != 2) {
    return Fail(FailCode::kBadField, "give no fields, or the id to start after and a limit");
  }
  CVG_ASSIGN_OR_RETURN(operation.after, ReadNumber("the id", fields[0]));
  CVG_ASSIGN_OR_RETURN(operation.limit, ReadLimit(fields[1]));
  return operation;
}

// READOFFLINEMESSAGE id, offset, length
absl::StatusOr<ReadMessage> ParseRead(Fields fields) {
  ReadMessage operation;
  CVG_ASSIGN_OR_RETURN(operation.message, ReadNumber("the message's id", fields[0]));
  CVG_ASSIGN_OR_RETURN(operation.offset, ReadNumber("the offset", fields[1]));
  CVG_ASSIGN_OR_RETURN(operation.length, ReadNumber("the length", fields[2]));
  return operation;
}

absl::StatusOr<DeleteMessage> ParseDelete(Fields fields) {
  CVG_ASSIGN_OR_RETURN(const uint64_t message, ReadNumber("the message's id", fields[0]));
  return DeleteMessage{message};
}

std::string MessagesText(std::vector<WaitingMessage>& messages) {
  line::RowWriter rows;
  for (const WaitingMessage& message : messages) {
    rows.Add({absl::StrCat(message.id), message.from, absl::StrCat(message.bytes),
              absl::StrCat(absl::ToUnixMillis(message.sent))});
  }
  return rows.data();
}

}  // namespace

std::vector<CommandSpec> MakeOfflineCommands(DataCore* data) {
  // clang-format off
  return {
      {"APPENDOFFLINEMESSAGE", 2, 2, Access::kSignedIn, RunData(data, ParseAppend, NumberText),
       "id LF data: add bytes to a draft; answers its size", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"CANCELOFFLINEMESSAGE", 1, 1, Access::kSignedIn,
       RunData(data, ParseDraft<CancelDraft>, NoText),
       "id: throw a draft away", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"DELETEOFFLINEMESSAGE", 1, 1, Access::kSignedIn, RunData(data, ParseDelete, NoText),
       "id: delete a message from your mailbox", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"INITOFFLINEMESSAGE", 1, 1, Access::kSignedIn, RunData(data, ParseInit, NumberText),
       "to [SP to...]: begin a message for people who may be away; answers the draft's id",
       /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"LISTOFFLINEMESSAGES", 0, 2, Access::kSignedIn, RunData(data, ParseList, MessagesText),
       "[after LF limit]: what is in your mailbox"},
      {"READOFFLINEMESSAGE", 3, 3, Access::kSignedIn, RunData(data, ParseRead, BytesText),
       "id LF offset LF length: bytes of a message in your mailbox"},
      {"SENDOFFLINEMESSAGE", 1, 1, Access::kSignedIn, RunData(data, ParseDraft<SendDraft>, NoText),
       "id: put a draft into the mailboxes of all its recipients", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
  };
  // clang-format on
}

}  // namespace convergia::edge
