#include "common/lineserver/command_table.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/line/rows.h"
#include "common/lineserver/session.h"

namespace convergia::lineserver {
namespace {

void HandleHelp(Session& session, Fields fields, Responder responder) {
  if (fields.empty()) return responder.Ok(session.table().help());
  const CommandSpec* const command = session.table().Find(fields[0]);
  if (command == nullptr) {
    return responder.Fail(
        Fail(FailCode::kNotFound, "there is no such command; HELP alone lists those there are"));
  }
  line::RowWriter rows;
  rows.Add({command->word, command->help});
  responder.Ok(rows.data());
}

std::vector<CommandSpec> BuiltIns() {
  return {
      {.word = "HELP",
       .fields_max = 1,
       .access = Access::kAnyone,
       .handler = HandleHelp,
       .help = "[command]: say what there is"},
      {.word = "LOGIN",
       .fields_min = 2,
       .fields_max = 2,
       .access = Access::kAnyone,
       .handler =
           [](Session& session, Fields fields, Responder responder) {
             session.SignIn(fields[0], fields[1], std::move(responder));
           },
       .help = "name LF secret: sign in; the secret is your password or a ticket"},
      {.word = "PING",
       .access = Access::kAnyone,
       .handler = [](Session&, Fields, Responder responder) { responder.Ok(); },
       .help = ": answers OK"},
      {.word = "QUIT",
       .access = Access::kAnyone,
       .handler =
           [](Session& session, Fields, Responder responder) {
             responder.Ok();
             session.Quit();
           },
       .help = ": answers OK and closes the connection"},
  };
}

void CheckSpec(const CommandSpec& command) {
  CHECK(!command.word.empty() &&
        std::all_of(command.word.begin(), command.word.end(), absl::ascii_isupper))
      << "not a command's word: " << command.word;
  CHECK(0 <= command.fields_min && command.fields_min <= command.fields_max &&
        command.fields_max <= kFieldsMax)
      << command.word;
  CHECK(command.handler != nullptr) << command.word;
}

}  // namespace

CommandTable::CommandTable(std::vector<CommandSpec> commands) : commands_(std::move(commands)) {
  for (CommandSpec& command : BuiltIns()) commands_.push_back(std::move(command));
  std::sort(commands_.begin(), commands_.end(),
            [](const CommandSpec& a, const CommandSpec& b) { return a.word < b.word; });
  line::RowWriter rows;
  for (const CommandSpec& command : commands_) {
    CheckSpec(command);
    CHECK(by_word_.emplace(command.word, &command).second) << "given twice: " << command.word;
    rows.Add({command.word, command.help});
  }
  help_ = rows.data();
}

const CommandSpec* CommandTable::Find(absl::string_view word) const {
  const auto found = by_word_.find(word);
  return found == by_word_.end() ? nullptr : found->second;
}

}  // namespace convergia::lineserver
