#include <unistd.h>

#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/commands/stored.h"
#include "client/disk/local_file.h"
#include "client/files/transfer.h"
#include "common/base/fail.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace convergia::client {
namespace {

struct Arguments {
  std::string to;
  std::string text;
  bool from_stdin = false;
  bool quiet = false;
};

// Reads all of standard input. One LF at the end belongs to the terminal or the pipe, not to the
// message.
absl::StatusOr<std::string> ReadBody() {
  absl::StatusOr<std::string> read = ReadNextOf(STDIN_FILENO, limits::kPacketBytesMax + 1);
  if (!read.ok()) return About("standard input", read.status());
  std::string body = *std::move(read);
  if (body.size() > limits::kPacketBytesMax) {
    return Fail(FailCode::kTooLong, absl::StrCat("a message has at most ", limits::kPacketBytesMax,
                                                 " bytes; send less"));
  }
  if (!body.empty() && body.back() == '\n') body.pop_back();
  return body;
}

absl::Status Send(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const Username to, ParseRecipient(arguments.to));
  std::string body = arguments.text;
  if (arguments.from_stdin) {
    CVG_ASSIGN_OR_RETURN(body, ReadBody());
  }
  CVG_ASSIGN_OR_RETURN(const auto client,
                       context.Connect(nullptr, BlockingClient::Messages::kToObserver));
  CVG_ASSIGN_OR_RETURN(const int sessions, client->SendMessage(to.str(), body));
  if (!arguments.quiet) {
    std::cout << "delivered to " << sessions << (sessions == 1 ? " session" : " sessions") << " of "
              << to.str() << std::endl;
  }
  return absl::OkStatus();
}

}  // namespace

void AddSendCommand(Command program, CommandLine* line) {
  const auto arguments = std::make_shared<Arguments>();
  Command command = program.AddCommand("send", "Send one message");
  command.SetFooter(
      "Without TEXT, the message is standard input. The argument after TO is the text, also if\n"
      "it begins with a dash: options stand before TO, or after TEXT.");
  command.AddOption("to", arguments->to, "The recipient, a username").Required();
  const Option text =
      command.AddOption("text", arguments->text, "The message; - is standard input");
  command.AddFlag("-q,--quiet", arguments->quiet, "Print nothing when it is delivered");
  command.OnParsed([line, arguments, text] {
    arguments->from_stdin = !text.is_given() || arguments->text == "-";
    line->options.stdin_is_taken = arguments->from_stdin;
    line->run = [arguments](CommandContext& context) { return Send(context, *arguments); };
  });
}

}  // namespace convergia::client
