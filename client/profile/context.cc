#include "client/profile/context.h"

#include <iostream>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/output/text.h"
#include "client/profile/trust.h"
#include "client/terminal/prompt.h"
#include "common/base/clock.h"
#include "common/base/fail.h"
#include "common/base/ids.h"
#include "common/base/status_macros.h"
#include "common/identity/certificate.h"
#include "common/identity/files.h"

namespace convergia::client {
namespace {

// A ticket that is about to expire does not help a command that runs for a while.
constexpr absl::Duration kTicketReserve = absl::Minutes(1);

absl::StatusOr<Profile> LoadProfile(absl::string_view name) {
  CVG_ASSIGN_OR_RETURN(const std::string home, Profile::DefaultHome());
  return Profile::Load(home, name);
}

// Whether a command with these options needs nothing from a profile and asks nothing.
bool Suffice(const GlobalOptions& options) {
  const bool knows_ca = !options.ca_file.empty() || !options.ca_fingerprint.empty();
  return knows_ca && !options.server.empty() && !options.user.empty() &&
         !options.password_file.empty();
}

absl::Status NoPassword() {
  return Fail(FailCode::kNotSignedIn,
              "you are not signed in: give your password with --password-file, or run this at a "
              "terminal");
}

}  // namespace

bool IsRefusedSecret(const absl::Status& status) {
  if (status.ok()) return false;
  const FailCode code = FailCodeOf(status);
  return code == FailCode::kSignInFailed || code == FailCode::kExpired;
}

// Collects what the client learns, on the client's thread, until Save() writes it.
class CommandContext::Keeper : public ClientObserver {
 public:
  void set_next(ClientObserver* next) { next_ = next; }

  void OnMessage(const Message& message) override {
    if (next_ != nullptr) next_->OnMessage(message);
  }
  void OnPush(absl::string_view word, absl::string_view data) override {
    if (next_ != nullptr) next_->OnPush(word, data);
  }
  void OnUp(const MainServer& server) override {
    if (next_ != nullptr) next_->OnUp(server);
  }
  void OnDown(const absl::Status& why) override {
    if (next_ != nullptr) next_->OnDown(why);
  }
  void OnGaveUp(const absl::Status& why) override {
    if (next_ != nullptr) next_->OnGaveUp(why);
  }
  void OnTicket(absl::string_view ticket, absl::Time expires) override {
    absl::MutexLock lock(&mu_);
    ticket_ = std::make_pair(std::string(ticket), expires);
  }
  void OnMemory(const StartMemory& memory) override {
    absl::MutexLock lock(&mu_);
    memory_ = memory;
  }

  std::optional<std::pair<std::string, absl::Time>> TakeTicket() {
    absl::MutexLock lock(&mu_);
    return std::exchange(ticket_, std::nullopt);
  }
  std::optional<StartMemory> TakeMemory() {
    absl::MutexLock lock(&mu_);
    return std::exchange(memory_, std::nullopt);
  }

 private:
  ClientObserver* next_ = nullptr;  // Set before the client starts.
  absl::Mutex mu_;
  std::optional<std::pair<std::string, absl::Time>> ticket_ ABSL_GUARDED_BY(mu_);
  std::optional<StartMemory> memory_ ABSL_GUARDED_BY(mu_);
};

CommandContext::CommandContext(const GlobalOptions& options, Profile profile)
    : options_(options), profile_(std::move(profile)), keeper_(std::make_unique<Keeper>()) {}

CommandContext::~CommandContext() = default;

absl::StatusOr<std::unique_ptr<CommandContext>> CommandContext::Create(
    const GlobalOptions& options) {
  CVG_RETURN_IF_ERROR(Profile::CheckName(options.profile));
  absl::StatusOr<Profile> profile = LoadProfile(options.profile);
  const absl::Status trouble = profile.ok() ? profile->trouble() : profile.status();
  if (!profile.ok()) {
    if (!Suffice(options)) return trouble;
    profile = Profile::WithoutFolder();
  }
  std::unique_ptr<CommandContext> context(new CommandContext(options, *std::move(profile)));
  context->Remember(trouble);
  return context;
}

absl::StatusOr<Address> CommandContext::Server() const {
  const std::string& text = options_.server.empty() ? profile_.server() : options_.server;
  if (text.empty()) {
    return Fail(FailCode::kBadField,
                "no server is known: add --server HOST:PORT once; the profile saves it");
  }
  return Address::Parse(text);
}

absl::StatusOr<std::string> CommandContext::User() {
  if (user_.empty()) user_ = options_.user.empty() ? profile_.user() : options_.user;
  if (user_.empty()) {
    absl::StatusOr<std::string> typed = AskLine("Username: ");
    if (!typed.ok() && !InputIsTerminal()) {
      return Fail(FailCode::kBadField,
                  "no user is known: add --user NAME once; the profile saves it");
    }
    CVG_ASSIGN_OR_RETURN(user_, std::move(typed));
  }
  CVG_ASSIGN_OR_RETURN(const Username user, Username::Parse(user_));
  user_ = user.str();
  return user_;
}

absl::StatusOr<std::string> CommandContext::Password(const std::string& prompt) {
  if (options_.password_file.empty() || options_.password_file == "-") {
    absl::StatusOr<std::string> typed =
        options_.password_file.empty() ? AskHidden(prompt, options_.stdin_is_taken) : AskLine("");
    const bool asks_person =
        InputIsTerminal() || (options_.password_file.empty() && options_.stdin_is_taken);
    if (absl::IsCancelled(typed.status()) && !asks_person) return NoPassword();
    return typed;
  }
  CVG_ASSIGN_OR_RETURN(const std::string contents,
                       identity::ReadFileToString(options_.password_file));
  return contents.substr(0, contents.find_first_of("\r\n"));
}

absl::StatusOr<std::string> CommandContext::TrustedCa() {
  if (!options_.ca_file.empty()) {
    CVG_ASSIGN_OR_RETURN(std::string ca, identity::ReadFileToString(options_.ca_file));
    CVG_RETURN_IF_ERROR(identity::FingerprintOfPem(ca).status());
    return ca;
  }
  if (!profile_.ca_pem().empty()) return profile_.ca_pem();
  CVG_ASSIGN_OR_RETURN(const Address address, Server());
  return MeetCa(address);
}

// The first contact with this cluster: the person decides by the fingerprint.
absl::StatusOr<std::string> CommandContext::MeetCa(const Address& address) {
  CVG_ASSIGN_OR_RETURN(const std::string chain, FetchChain(address, timeout()));
  CVG_ASSIGN_OR_RETURN(std::string ca, CaOfChain(chain, RealClock::Get().Now()));
  CVG_ASSIGN_OR_RETURN(const std::string fingerprint, identity::FingerprintOfPem(ca));
  if (!options_.ca_fingerprint.empty()) {
    CVG_ASSIGN_OR_RETURN(const std::string expected, ParseFingerprint(options_.ca_fingerprint));
    if (fingerprint == expected) return ca;
    return Fail(FailCode::kDenied,
                absl::StrCat("the certificate authority of ", address.ToString(),
                             " has the fingerprint ", fingerprint, ", not the one given"));
  }
  if (!InputIsTerminal() || options_.stdin_is_taken) {
    return Fail(
        FailCode::kDenied,
        "this is the first contact with this server: add --ca FILE or --ca-fingerprint HEX");
  }
  std::cerr << "This is the first contact with " << address.ToString()
            << ". Its certificate authority has the fingerprint (SHA-256)\n  " << fingerprint
            << "\nAsk its operator whether that is right.\n";
  CVG_ASSIGN_OR_RETURN(const std::string answer, AskLine("Trust it from now on? (yes/no) "));
  if (answer == "yes") return ca;
  return Fail(FailCode::kDenied, "the server is not trusted; nothing was sent to it");
}

absl::StatusOr<ClientOptions> CommandContext::MakeOptions() {
  ClientOptions client;
  CVG_ASSIGN_OR_RETURN(client.management, Server());
  CVG_ASSIGN_OR_RETURN(client.ca_pem, TrustedCa());
  CVG_ASSIGN_OR_RETURN(ca_fingerprint_, identity::FingerprintOfPem(client.ca_pem));
  if (client.ca_pem != profile_.ca_pem()) Remember(profile_.PinCa(client.ca_pem));
  client.memory = profile_.memory();
  client.plan.only = options_.main_server;
  client.connection.reword = InCommands;
  return client;
}

std::optional<std::string> CommandContext::UsableTicket(const ClientOptions& options) const {
  const std::optional<CachedTicket>& ticket = profile_.ticket();
  const bool usable = ticket.has_value() && ticket->user == options.user &&
                      ticket->server == options.management.ToString() &&
                      ticket->expires > RealClock::Get().Now() + kTicketReserve;
  return usable ? std::make_optional(ticket->ticket) : std::nullopt;
}

template <typename Attempt>
absl::Status CommandContext::WithSecret(const Attempt& attempt) {
  CVG_ASSIGN_OR_RETURN(ClientOptions client, MakeOptions());
  CVG_ASSIGN_OR_RETURN(client.user, User());
  const std::string prompt = absl::StrCat("Password of ", client.user, ": ");
  // A password in a file needs no question, so a client that runs for long gets it for the time
  // after its ticket.
  const bool is_in_file = !options_.password_file.empty() && options_.password_file != "-";
  if (is_in_file) {
    CVG_ASSIGN_OR_RETURN(client.password, Password(prompt));
  }
  if (const std::optional<std::string> ticket = UsableTicket(client); ticket.has_value()) {
    client.ticket = *ticket;
    const absl::Status status = attempt(client);
    if (status.ok()) Save();
    if (!IsRefusedSecret(status)) return status;
    ForgetTicket();
    if (is_in_file) return status;  // The password was refused, too.
    client.ticket.clear();
  }
  if (!is_in_file) {
    CVG_ASSIGN_OR_RETURN(client.password, Password(prompt));
  }
  CVG_RETURN_IF_ERROR(attempt(client));
  Save();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<BlockingClient>> CommandContext::Connect(
    ClientObserver* observer, BlockingClient::Messages messages) {
  keeper_->set_next(observer);
  std::unique_ptr<BlockingClient> client;
  CVG_RETURN_IF_ERROR(WithSecret([&](const ClientOptions& options) {
    client = std::make_unique<BlockingClient>(options, keeper_.get(), messages);
    return client->Connect(timeout());
  }));
  return client;
}

absl::StatusOr<std::string> CommandContext::AskManagement(const std::string& word,
                                                          const std::vector<std::string>& fields) {
  std::string answer;
  CVG_RETURN_IF_ERROR(WithSecret([&](const ClientOptions& options) -> absl::Status {
    BlockingClient client(options, keeper_.get());
    CVG_ASSIGN_OR_RETURN(answer, client.RequestAtManagement(word, fields));
    return absl::OkStatus();
  }));
  return answer;
}

absl::StatusOr<std::string> CommandContext::AskManagementByPassword(
    const std::string& password, const std::string& word, const std::vector<std::string>& fields) {
  CVG_ASSIGN_OR_RETURN(ClientOptions client, MakeOptions());
  CVG_ASSIGN_OR_RETURN(client.user, User());
  client.password = password;
  return BlockingClient(client).RequestAtManagement(word, fields);
}

absl::StatusOr<std::string> CommandContext::AskWithoutSignIn(
    const std::string& word, const std::vector<std::string>& fields) {
  CVG_ASSIGN_OR_RETURN(const ClientOptions client, MakeOptions());
  return BlockingClient(client).RequestWithoutSignIn(word, fields);
}

void CommandContext::KeepTicket(absl::string_view ticket, absl::Time expires) {
  keeper_->OnTicket(ticket, expires);
}

bool CommandContext::IsProfileOf(absl::string_view user) const {
  return profile_.user().empty() || profile_.user() == user;
}

void CommandContext::Remember(const absl::Status& status) {
  if (status.ok() || std::exchange(has_warned_, true)) return;
  std::cerr << ErrorLine(absl::StrCat("nothing is saved for the next time: ", status.message()));
}

void CommandContext::ForgetTicket() {
  const absl::StatusOr<std::string> user = User();
  const bool is_of_other =
      profile_.ticket().has_value() && user.ok() && profile_.ticket()->user != *user;
  if (!is_of_other) Remember(profile_.ForgetTicket());
}

void CommandContext::Save() {
  const absl::StatusOr<Address> server = Server();
  const absl::StatusOr<std::string> user = User();
  if (!server.ok() || !user.ok()) return;  // There is nothing to save.
  if (!IsProfileOf(*user)) return;
  if (profile_.server().empty()) {
    Remember(profile_.SetServerAndUser(server->ToString(), *user));
  }
  if (const auto ticket = keeper_->TakeTicket(); ticket.has_value()) {
    Remember(profile_.SetTicket({*user, server->ToString(), ticket->second, ticket->first}));
  }
  // A report of one chosen server would bind the next start to that server, too.
  if (const auto memory = keeper_->TakeMemory();
      memory.has_value() && options_.main_server.empty()) {
    Remember(profile_.SetMemory(*memory));
  }
}

}  // namespace convergia::client
