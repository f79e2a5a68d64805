#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/commands/profile.h"
#include "client/connect/blocking_client.h"

namespace convergia::client {

// What all commands of `convergia` take.
struct GlobalOptions {
  std::string server;
  std::string ca_file;
  std::string ca_fingerprint;
  std::string profile = "default";
  std::string user;
  std::string password_file;  // "-" is standard input.
  std::string main_server;    // The one to sign in at; empty: as mgmt assigns.
  double timeout_seconds = 20;
  // Set by a command that reads a message from standard input: passwords then come from elsewhere.
  bool stdin_is_taken = false;
};

// The ticket or password is not, or no longer, good: a password may help.
bool IsRefusedSecret(const absl::Status& status);

// What a command works with: the profile, whom to talk to, whom to trust, who one is. Asks the
// person at the terminal for what neither the options nor the profile say. Used by one thread.
class CommandContext {
 public:
  // Errors: those of Profile::Load().
  static absl::StatusOr<std::unique_ptr<CommandContext>> Create(const GlobalOptions& options);
  ~CommandContext();

  // Whose password it is; asks if nothing says so.
  absl::StatusOr<std::string> User();
  // From --password-file, else asked for.
  absl::StatusOr<std::string> Password(const std::string& prompt);

  absl::Duration timeout() const { return absl::Seconds(options_.timeout_seconds); }
  const GlobalOptions& options() const { return options_; }
  Profile& profile() { return profile_; }

  // A client that is signed in at a main server: by the profile's ticket, or by password. The
  // observer, if any, must outlive it.
  absl::StatusOr<std::unique_ptr<BlockingClient>> Connect(ClientObserver* observer,
                                                          BlockingClient::Messages messages);

  // One request to mgmt, signed in in the same way.
  absl::StatusOr<std::string> AskManagement(const std::string& word,
                                            const std::vector<std::string>& fields);
  // The same, signed in by `password` and nothing else.
  absl::StatusOr<std::string> AskManagementByPassword(const std::string& password,
                                                      const std::string& word,
                                                      const std::vector<std::string>& fields);
  // One request to mgmt that needs no sign-in.
  absl::StatusOr<std::string> AskWithoutSignIn(const std::string& word,
                                               const std::vector<std::string>& fields);

  // Writes what was learnt to the profile: server and user (the first time), ticket, report. Called
  // by Connect() and the Ask...() when they have succeeded, and by commands that run long. What
  // cannot be written costs a question the next time, and no more: there is one warning.
  void Save();
  void ForgetTicket();
  // `ticket` came in an answer and takes the place of the one that is kept.
  void KeepTicket(absl::string_view ticket, absl::Time expires);

 private:
  class Keeper;

  CommandContext(const GlobalOptions& options, Profile profile);
  absl::StatusOr<Address> Server() const;
  // Warns if something could not be kept for the next time.
  void Remember(const absl::Status& status);
  absl::StatusOr<std::string> TrustedCa();
  absl::StatusOr<std::string> MeetCa(const Address& address);
  // Without a secret.
  absl::StatusOr<ClientOptions> MakeOptions();
  std::optional<std::string> UsableTicket(const ClientOptions& options) const;
  // Runs `attempt` with the ticket if there is one that may be good; if it is refused, or there is
  // none, with the password.
  template <typename Attempt>
  absl::Status WithSecret(const Attempt& attempt);

  const GlobalOptions options_;
  Profile profile_;
  std::unique_ptr<Keeper> keeper_;
  std::string user_;
  bool has_warned_ = false;
};

}  // namespace convergia::client
