#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/output/format.h"
#include "client/output/output.h"
#include "client/output/text.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"

namespace convergia::client {
namespace {

struct Arguments {
  uint64_t count = 0;  // 0: without end.
};

// Prints the state of the connection on standard error, so that scripts know when the client
// listens.
class Watcher : public ClientObserver {
 public:
  void OnUp(const MainServer& server) override {
    std::cerr << absl::StrCat("listening at ", Printable(server.name), "\n") << std::flush;
  }
  void OnDown(const absl::Status& why) override {
    std::cerr << absl::StrCat("connection lost (", Printable(why.message()),
                              "); looking for another\n")
              << std::flush;
  }
  void OnPush(absl::string_view word, absl::string_view data) override {
    if (word == "NOTICE") std::cerr << absl::StrCat("notice: ", Printable(data), "\n");
  }
};

absl::Status Listen(CommandContext& context, const Arguments& arguments) {
  Watcher watcher;
  CVG_ASSIGN_OR_RETURN(const auto client,
                       context.Connect(&watcher, BlockingClient::Messages::kToQueue));
  for (uint64_t taken = 0; arguments.count == 0 || taken < arguments.count; ++taken) {
    CVG_ASSIGN_OR_RETURN(const Message message, client->NextMessage(absl::InfiniteDuration()));
    std::cout << FormatMessage(message, "%Y-%m-%d %H:%M:%S") << std::endl;
    CVG_RETURN_IF_ERROR(Output::Current());
  }
  client->Close();
  context.Save();
  return absl::OkStatus();
}

}  // namespace

void AddListenCommand(Command program, CommandLine* line) {
  const auto arguments = std::make_shared<Arguments>();
  Command command =
      program.AddCommand("listen", "Print messages when they arrive. Times are in local time");
  command.AddOption("--count", arguments->count, "End after this number of messages").Positive();
  command.OnParsed([line, arguments] {
    line->run = [arguments](CommandContext& context) { return Listen(context, *arguments); };
  });
}

}  // namespace convergia::client
