// mail: offline messages.

#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/commands/stored.h"
#include "client/commands/text.h"
#include "client/files/storage.h"
#include "common/base/fail.h"
#include "common/base/ids.h"
#include "common/base/status_macros.h"

namespace convergia::client {
namespace {

struct Arguments {
  std::vector<std::string> to;
  std::string file = "-";
  std::vector<std::string> ids;
  std::string output = "-";
  bool keep = false;
};

absl::Status AppendAll(Mailbox& mailbox, const std::string& draft, std::istream& in) {
  std::string piece(kPieceBytesMax, '\0');
  while (in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    if (in.gcount() == 0) break;
    CVG_RETURN_IF_ERROR(
        mailbox.Append(draft, absl::string_view(piece.data(), in.gcount())).status());
  }
  if (in.bad()) return Fail(FailCode::kInternal, "cannot read the message");
  return absl::OkStatus();
}

absl::Status Send(CommandContext& context, const Arguments& arguments) {
  std::vector<std::string> to;
  for (const std::string& name : arguments.to) {
    CVG_ASSIGN_OR_RETURN(const Username user, Username::Parse(name));
    to.push_back(user.str());
  }
  std::ifstream file;
  const bool from_stdin = arguments.file == "-";
  if (!from_stdin) {
    file.open(arguments.file, std::ios::binary);
    if (!file) return Fail(FailCode::kNotFound, absl::StrCat("cannot open ", arguments.file));
  }
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Mailbox mailbox(client.get());
  CVG_ASSIGN_OR_RETURN(const std::string draft, mailbox.Begin(to));
  absl::Cleanup cancel = [&] { mailbox.Cancel(draft).IgnoreError(); };
  CVG_RETURN_IF_ERROR(AppendAll(mailbox, draft, from_stdin ? std::cin : file));
  CVG_RETURN_IF_ERROR(mailbox.Send(draft));
  std::move(cancel).Cancel();
  return absl::OkStatus();
}

absl::Status List(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  CVG_ASSIGN_OR_RETURN(const std::vector<StoredMessage> messages, Mailbox(client.get()).List());
  if (messages.empty()) {
    std::cout << "no messages wait" << std::endl;
    return absl::OkStatus();
  }
  std::vector<std::vector<std::string>> rows = {{"ID", "FROM", "SIZE", "SENT"}};
  for (const StoredMessage& message : messages) {
    rows.push_back(
        {message.id, message.from, FormatBytes(message.bytes), FormatLocalTime(message.sent)});
  }
  std::cout << FormatTable(rows) << std::flush;
  return absl::OkStatus();
}

absl::Status ReadAll(Mailbox& mailbox, const std::string& id, std::ostream& out) {
  for (uint64_t offset = 0;;) {
    CVG_ASSIGN_OR_RETURN(const std::string piece, mailbox.Read(id, offset, kPieceBytesMax));
    out.write(piece.data(), static_cast<std::streamsize>(piece.size())).flush();
    if (!out) return Fail(FailCode::kInternal, "cannot write the message; it stays where it is");
    if (piece.empty()) return absl::OkStatus();
    offset += piece.size();
  }
}

absl::Status Read(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Mailbox mailbox(client.get());
  const std::string& id = arguments.ids.front();
  if (arguments.output == "-") return ReadAll(mailbox, id, std::cout);
  std::ofstream file(arguments.output, std::ios::binary | std::ios::trunc);
  if (!file) return Fail(FailCode::kNotFound, absl::StrCat("cannot write ", arguments.output));
  return ReadAll(mailbox, id, file);
}

absl::Status Delete(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Mailbox mailbox(client.get());
  for (const std::string& id : arguments.ids) CVG_RETURN_IF_ERROR(mailbox.Delete(id));
  return absl::OkStatus();
}

}  // namespace

void AddMailCommands(CLI::App& app, CommandLine* line) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* mail = app.add_subcommand("mail", "Messages for people who are away");
  mail->require_subcommand(1);
  const auto run = [line, arguments](auto command) {
    line->run = [arguments, command](CommandContext& context) {
      return command(context, *arguments);
    };
  };

  CLI::App* send = mail->add_subcommand("send", "Leave a message of any size");
  send->add_option("to", arguments->to, "To whom: one or more names")->required();
  send->add_option("-f,--file", arguments->file, "The message; - is standard input")
      ->capture_default_str();
  send->callback([line, arguments, run] {
    line->options.stdin_is_taken = arguments->file == "-";
    run(&Send);
  });

  CLI::App* list = mail->add_subcommand("list", "List the messages that wait for you");
  list->callback([run] { run(&List); });

  CLI::App* read = mail->add_subcommand("read", "Read a message; it stays until you delete it");
  read->add_option("id", arguments->ids, "Which, as list shows it")->required()->expected(1);
  read->add_option("-o,--output", arguments->output, "A file to write it to")
      ->capture_default_str();
  read->callback([run] { run(&Read); });

  CLI::App* remove = mail->add_subcommand("delete", "Delete messages");
  remove->add_option("ids", arguments->ids, "Which, as list shows them")->required();
  remove->callback([run] { run(&Delete); });
}

}  // namespace convergia::client
