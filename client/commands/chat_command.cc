#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "client/commands/commands.h"
#include "client/files/transfer.h"
#include "client/output/format.h"
#include "client/output/text.h"
#include "client/terminal/chat_line.h"
#include "client/terminal/chat_terminal.h"
#include "client/terminal/prompt.h"
#include "common/base/backoff.h"
#include "common/base/fail.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"

namespace convergia::client {
namespace {

// At the end, the last messages may still wait for their answers.
constexpr absl::Duration kLastAnswersTimeout = absl::Seconds(25);
// A line from a pipe that is answered BUSY is sent again for this time.
constexpr absl::Duration kBusyPatience = absl::Seconds(30);
constexpr absl::Duration kBusyPauseFirst = absl::Milliseconds(50);
constexpr absl::Duration kBusyPauseMax = absl::Seconds(2);

// Prints each event as a line on the terminal.
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
    was_up_ = true;
    needs_password_ = false;
    terminal_->Print(absl::StrCat("* connected to ", Printable(server.name)));
  }
  void OnDown(const absl::Status& why) override {
    terminal_->Print(absl::StrCat("* connection lost (", Printable(why.message()),
                                  "); looking for another main server"));
  }
  void OnGaveUp(const absl::Status& why) override {
    if (!was_up_) return;  // Connect() reports it.
    needs_password_ = InputIsTerminal() && IsRefusedSecret(why);
    terminal_->Print(absl::StrCat("* ", Printable(why.message()),
                                  needs_password_ ? "; press Enter to give your password"
                                                  : "; leave with /quit and start again"));
  }

  // Whether the client waits for a password. The thread that reads lines then asks for it.
  bool TakeNeedsPassword() { return needs_password_.exchange(false); }
  void AskLater() { needs_password_ = true; }

 private:
  ChatTerminal* const terminal_;
  bool was_up_ = false;
  std::atomic<bool> needs_password_ = false;
};

// Counts messages that are not answered yet.
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
  Chat(CommandContext* context, BlockingClient* client, Reporter* reporter, ChatTerminal* terminal)
      : context_(context), client_(client), reporter_(reporter), terminal_(terminal) {}

  // Errors, only if no person types: that of reading the lines; else the error of the first line
  // that was not delivered, with the number of such lines.
  absl::Status Run() {
    terminal_->Print("* /help lists what you can type");
    while (!done_) {
      const std::optional<ChatTerminal::Line> line =
          terminal_->ReadLine(to_.empty() ? "> " : absl::StrCat("to ", to_, "> "));
      if (!line.has_value()) break;
      if (line->text.size() > ChatTerminal::kLineBytesMax) {
        Do(ChatMistake{absl::StrCat("not sent: a message has at most ", ChatTerminal::kLineBytesMax,
                                    " bytes; send less")});
        continue;
      }
      const ChatLine typed =
          line->begins_pasted ? ParsePastedLine(line->text, to_) : ParseChatLine(line->text, to_);
      const bool leaves = std::holds_alternative<ChatQuit>(typed);
      if (!leaves && reporter_->TakeNeedsPassword()) SignInAgain();
      std::visit([this](const auto& one) { Do(one); }, typed);
    }
    pending_.AwaitNone(kLastAnswersTimeout);
    terminal_->Flush();
    CVG_RETURN_IF_ERROR(terminal_->input_error());
    return Verdict();
  }

 private:
  // If the person types no password, they are asked again after the next line.
  void SignInAgain() {
    absl::StatusOr<std::string> password = context_->Password("Password: ");
    if (password.ok()) return client_->SignInAgain(*std::move(password));
    reporter_->AskLater();
    terminal_->Print("* not signed in; press Enter to give your password, or leave with /quit");
  }

  void Do(const ChatNothing&) {}
  void Do(const ChatQuit&) { done_ = true; }
  void Do(const ChatHelp&) { terminal_->Print(kChatHelp); }
  void Do(const ChatTo& typed) { to_ = typed.user; }
  void Do(const ChatMistake& typed) {
    terminal_->Print(absl::StrCat("* ", Printable(typed.text)));
    CountLost(Fail(FailCode::kBadField, typed.text));
  }
  void Do(const ChatSend& typed) {
    if (!terminal_->is_interactive()) return SendInOrder(typed);
    pending_.Add();
    client_->SendMessageThen(typed.to, typed.body,
                             [this, typed](const absl::StatusOr<int>& sessions) {
                               if (!sessions.ok()) Complain(typed, sessions.status());
                               pending_.Remove();
                             });
  }
  // Sends one line after the other, each after the answer to the one before. So a line that is
  // answered BUSY is sent again before the next one.
  void SendInOrder(const ChatSend& typed) {
    Backoff backoff(kBusyPauseFirst, kBusyPauseMax, RandomSeed());
    absl::Status status;
    for (absl::Duration waited; waited < kBusyPatience;) {
      status = client_->SendMessage(typed.to, typed.body).status();
      // Only BUSY makes sure that nobody has the message.
      if (status.ok() || FailCodeOf(status) != FailCode::kBusy) break;
      const absl::Duration pause = backoff.Next();
      absl::Notification().WaitForNotificationWithTimeout(pause);
      waited += pause;
      terminal_->Flush();
    }
    if (status.ok()) return;
    Complain(typed, status);
    // Without a connection the next line would fail, too.
    const FailCode code = FailCodeOf(status);
    is_cut_off_ = code == FailCode::kUnavailable || code == FailCode::kNotSignedIn ||
                  code == FailCode::kSignInFailed || code == FailCode::kExpired;
    done_ = is_cut_off_;
    CountLost(About(typed.to, status));
  }
  void CountLost(const absl::Status& why) {
    if (lost_++ == 0) first_loss_ = why;
  }
  absl::Status Verdict() const {
    if (lost_ == 0 || terminal_->is_interactive()) return absl::OkStatus();
    const absl::string_view lines =
        is_cut_off_ ? (lost_ == 1 ? " line and everything after it were"
                                  : " lines and everything after the last of them were")
                    : (lost_ == 1 ? " line was" : " lines were");
    return Fail(FailCodeOf(first_loss_),
                absl::StrCat(lost_, lines,
                             " not sent or not delivered; the first: ", first_loss_.message()));
  }
  void Complain(const ChatSend& lost, const absl::Status& status) {
    terminal_->Print(absl::StrCat("* not delivered to ", lost.to, ": ", QuoteOf(lost.body), ": ",
                                  Printable(status.message())));
  }

  CommandContext* const context_;
  BlockingClient* const client_;
  Reporter* const reporter_;
  ChatTerminal* const terminal_;
  Pending pending_;
  std::string to_;
  bool done_ = false;
  bool is_cut_off_ = false;  // Nothing could be sent any longer, so the rest was not read.
  int lost_ = 0;
  absl::Status first_loss_;
};

absl::Status RunChat(CommandContext& context) {
  const std::unique_ptr<ChatTerminal> terminal = ChatTerminal::Create();
  Reporter reporter(terminal.get());
  CVG_ASSIGN_OR_RETURN(const auto client,
                       context.Connect(&reporter, BlockingClient::Messages::kToObserver));
  const absl::Status status = Chat(&context, client.get(), &reporter, terminal.get()).Run();
  client->Close();
  terminal->Flush();
  context.Save();
  return status;
}

}  // namespace

void AddChatCommand(Command program, CommandLine* line) {
  Command command = program.AddCommand("chat", "Talk to people until you type /quit");
  command.OnParsed([line] { line->run = RunChat; });
}

}  // namespace convergia::client
