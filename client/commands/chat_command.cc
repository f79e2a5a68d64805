#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/commands/chat_line.h"
#include "client/commands/chat_terminal.h"
#include "client/commands/commands.h"
#include "client/commands/text.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"

namespace convergia::client {
namespace {

// At the end, what was sent last still waits for its answer.
constexpr absl::Duration kLastAnswersTimeout = absl::Seconds(25);

// What happens, as lines on the terminal.
class Reporter : public ClientObserver {
 public:
  explicit Reporter(ChatTerminal* terminal) : terminal_(terminal) {}

  void OnMessage(const Message& message) override {
    terminal_->Print(FormatMessage(message, "%H:%M:%S"));
  }
  void OnPush(absl::string_view word, absl::string_view data) override {
    if (word == "NOTICE") terminal_->Print(absl::StrCat("* notice: ", Printable(data)));
  }
  void OnUp(const MainServer& server) override {
    terminal_->Print(absl::StrCat("* connected to ", Printable(server.name)));
  }
  void OnDown(const absl::Status& why) override {
    terminal_->Print(absl::StrCat("* connection lost (", Printable(why.message()),
                                  "); looking for another main server"));
  }
  void OnGaveUp(const absl::Status& why) override {
    terminal_->Print(
        absl::StrCat("* ", Printable(why.message()), "; leave with /quit and start again"));
  }

 private:
  ChatTerminal* const terminal_;
};

// Messages whose answer is still to come.
class Pending {
 public:
  void Add() {
    absl::MutexLock lock(&mu_);
    ++count_;
  }
  void Remove() {
    absl::MutexLock lock(&mu_);
    --count_;
  }
  void AwaitNone(absl::Duration timeout) {
    const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return count_ == 0; };
    absl::MutexLock lock(&mu_);
    mu_.AwaitWithTimeout(absl::Condition(&none), timeout);
  }

 private:
  absl::Mutex mu_;
  int count_ ABSL_GUARDED_BY(mu_) = 0;
};

class Chat {
 public:
  Chat(BlockingClient* client, ChatTerminal* terminal) : client_(client), terminal_(terminal) {}

  void Run() {
    terminal_->Print("* /help lists what you can type");
    while (!done_) {
      const std::optional<std::string> line =
          terminal_->ReadLine(to_.empty() ? "> " : absl::StrCat("to ", to_, "> "));
      if (!line.has_value()) break;
      std::visit([this](const auto& typed) { Do(typed); }, ParseChatLine(*line, to_));
    }
    pending_.AwaitNone(kLastAnswersTimeout);
    terminal_->Flush();
  }

 private:
  void Do(const ChatNothing&) {}
  void Do(const ChatQuit&) { done_ = true; }
  void Do(const ChatHelp&) { terminal_->Print(kChatHelp); }
  void Do(const ChatTo& typed) { to_ = typed.user; }
  void Do(const ChatMistake& typed) { terminal_->Print(absl::StrCat("* ", Printable(typed.text))); }
  void Do(const ChatSend& typed) {
    pending_.Add();
    client_->SendMessageThen(typed.to, typed.body,
                             [this, to = typed.to](const absl::StatusOr<int>& sessions) {
                               if (!sessions.ok()) Complain(to, sessions.status());
                               pending_.Remove();
                             });
  }
  void Complain(const std::string& to, const absl::Status& status) {
    terminal_->Print(absl::StrCat("* not delivered to ", to, ": ", FailCodeWord(FailCodeOf(status)),
                                  " ", Printable(status.message())));
  }

  BlockingClient* const client_;
  ChatTerminal* const terminal_;
  Pending pending_;
  std::string to_;
  bool done_ = false;
};

absl::Status RunChat(CommandContext& context) {
  const std::unique_ptr<ChatTerminal> terminal = ChatTerminal::Create();
  Reporter reporter(terminal.get());
  CVG_ASSIGN_OR_RETURN(const auto client,
                       context.Connect(&reporter, BlockingClient::Messages::kToObserver));
  Chat(client.get(), terminal.get()).Run();
  client->Close();
  terminal->Flush();
  return context.Save();
}

}  // namespace

void AddChatCommand(CLI::App& app, CommandLine* line) {
  CLI::App* command = app.add_subcommand("chat", "Talk to people, until /quit");
  command->callback([line] { line->run = RunChat; });
}

}  // namespace convergia::client
