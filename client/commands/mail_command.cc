// mail: offline messages.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/commands/stored.h"
#include "client/disk/local_file.h"
#include "client/files/storage.h"
#include "client/files/transfer.h"
#include "client/output/format.h"
#include "client/output/stored_json.h"
#include "client/output/table.h"
#include "client/output/text.h"
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
  bool json = false;
};

absl::Status AppendAll(Mailbox& mailbox, const std::string& draft, int fd) {
  for (uint64_t length = kPieceBytesMax; length == kPieceBytesMax;) {
    CVG_ASSIGN_OR_RETURN(const std::string piece, ReadNextOf(fd, kPieceBytesMax));
    length = piece.size();
    const absl::Status status =
        length > 0 ? mailbox.Append(draft, piece).status() : absl::OkStatus();
    // Only the message's own size has a quota here. It does not pass later.
    if (!status.ok() && FailCodeOf(status) == FailCode::kQuota) {
      return Fail(FailCode::kTooLong, status.message());
    }
    CVG_RETURN_IF_ERROR(status);
  }
  return absl::OkStatus();
}

// Opens a file or a pipe, for example that of `-f <(command)`.
absl::StatusOr<Descriptor> OpenMessage(const std::string& path) {
  if (path == "-") return Descriptor(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return Fail(FailCode::kNotAFile, absl::StrCat(path, " is a folder, not a file"));
  }
  Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  return fd.get() >= 0 ? absl::StatusOr<Descriptor>(std::move(fd)) : LocalFail(errno, "read", path);
}

absl::Status Send(CommandContext& context, const Arguments& arguments) {
  std::vector<std::string> to;
  for (const std::string& name : arguments.to) {
    const absl::StatusOr<Username> user = ParseRecipient(name);
    if (!user.ok()) {
      return Fail(FailCodeOf(user.status()),
                  absl::StrCat(user.status().message(),
                               "; the message is standard input or the file of -f"));
    }
    to.push_back(user->str());
  }
  CVG_ASSIGN_OR_RETURN(const Descriptor message, OpenMessage(arguments.file));
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Mailbox mailbox(client.get());
  const absl::StatusOr<std::string> begun = mailbox.Begin(to);
  if (!begun.ok() && to.size() > 1) {
    return Fail(FailCodeOf(begun.status()),
                absl::StrCat(begun.status().message(), "; nobody got the message"));
  }
  CVG_ASSIGN_OR_RETURN(const std::string draft, begun);
  absl::Cleanup cancel = [&] { mailbox.Cancel(draft).IgnoreError(); };
  CVG_RETURN_IF_ERROR(About(arguments.file == "-" ? "standard input" : arguments.file,
                            AppendAll(mailbox, draft, message.get())));
  CVG_RETURN_IF_ERROR(mailbox.Send(draft));
  std::move(cancel).Cancel();
  return absl::OkStatus();
}

absl::Status List(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  CVG_ASSIGN_OR_RETURN(const std::vector<StoredMessage> messages, Mailbox(client.get()).List());
  if (arguments.json) {
    Print(JsonOf(messages));
    return absl::OkStatus();
  }
  if (messages.empty()) {
    std::cout << "no messages wait" << std::endl;
    return absl::OkStatus();
  }
  Table table({{"ID"}, {"FROM"}, {"SIZE", Table::Align::kRight}, {"TIME"}});
  for (const StoredMessage& message : messages) {
    table.Add(
        {message.id, message.from, FormatBytes(message.bytes), FormatLocalTime(message.sent)});
  }
  Print(table);
  return absl::OkStatus();
}

// Calls `take` with the message, piece by piece.
absl::Status ReadAll(Mailbox& mailbox, const std::string& id,
                     const std::function<absl::Status(const std::string&)>& take) {
  for (uint64_t offset = 0;;) {
    CVG_ASSIGN_OR_RETURN(const std::string piece, mailbox.Read(id, offset, kPieceBytesMax));
    if (piece.empty()) return absl::OkStatus();
    CVG_RETURN_IF_ERROR(take(piece));
    offset += piece.size();
  }
}

// Text of others must not steer the terminal, so it is made printable, as a whole.
absl::Status ShowAtTerminal(Mailbox& mailbox, const std::string& id) {
  std::string text;
  CVG_RETURN_IF_ERROR(ReadAll(mailbox, id, [&text](const std::string& piece) {
    text += piece;
    return absl::OkStatus();
  }));
  std::cout << Printable(text) << (absl::EndsWith(text, "\n") ? "" : "\n");
  return absl::OkStatus();
}

absl::Status Read(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Mailbox mailbox(client.get());
  const std::string& id = arguments.ids.front();
  if (arguments.output == "-" && isatty(STDOUT_FILENO) == 1) {
    return About(id, ShowAtTerminal(mailbox, id));
  }
  CVG_ASSIGN_OR_RETURN(const LocalTarget target, LocalTarget::Find(arguments.output));
  CVG_ASSIGN_OR_RETURN(const auto output, LocalOutput::Open(target));
  const absl::Status read =
      ReadAll(mailbox, id, [&output](const std::string& piece) { return output->Write(piece); });
  if (!read.ok()) return About(id, read);
  return output->Commit(std::nullopt, /*sync=*/true);
}

absl::Status Delete(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Mailbox mailbox(client.get());
  EachOnItsOwn each;
  for (const std::string& id : arguments.ids) each.Add(id, mailbox.Delete(id));
  return each.Result();
}

}  // namespace

void AddMailCommands(Command program, CommandLine* line) {
  const auto arguments = std::make_shared<Arguments>();
  Command mail = program.AddCommand("mail", "Messages for people who are offline");
  mail.RequiresCommand();
  const auto run = [line, arguments](auto command) {
    line->run = [arguments, command](CommandContext& context) {
      return command(context, *arguments);
    };
  };

  Command send = mail.AddCommand("send",
                                 "Leave a message, read from standard input or a file. The server "
                                 "bounds its size: 16 MiB, unless its operator set another");
  send.AddOption("to", arguments->to, "The recipients: one or more usernames, no text").Required();
  send.AddOption("-f,--file", arguments->file, "The message; - is standard input").ShowsDefault();
  send.OnParsed([line, arguments, run] {
    line->options.stdin_is_taken = arguments->file == "-";
    run(&Send);
  });

  Command list =
      mail.AddCommand("list", "List your messages, oldest first. Times are in local time");
  list.AddFlag("--json", arguments->json, kJsonHelp);
  list.OnParsed([run] { run(&List); });

  Command read = mail.AddCommand("read", "Read a message; it stays until you delete it");
  read.AddOption("id", arguments->ids, "The id that list shows").Required().Expects(1, 1);
  read.AddOption("-o,--output", arguments->output, "A file to write it to; - is standard output")
      .ShowsDefault();
  read.OnParsed([run] { run(&Read); });

  Command remove = mail.AddCommand("delete", "Delete messages");
  remove.AddOption("ids", arguments->ids, "The ids that list shows").Required();
  remove.OnParsed([run] { run(&Delete); });
}

}  // namespace convergia::client
