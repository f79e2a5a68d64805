#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/connect/blocking_client.h"
#include "client/profile/profile.h"

namespace convergia::client {

// The options of all commands of `convergia`.
struct GlobalOptions {
  std::string server;
  std::string ca_file;
  std::string ca_fingerprint;
  std::string profile = "default";
  std::string user;
  std::string password_file;  // "-" is standard input.
  std::string main_server;    // To sign in at; empty: the one that mgmt assigns.
  double timeout_seconds = 20;
  // Set by a command that reads a message from standard input, so no password can come from there.
  bool stdin_is_taken = false;
};

// Whether the ticket or password was refused, so that another password may help.
bool IsRefusedSecret(const absl::Status& status);

// Everything that a command needs: the profile, the server, the trusted CA, the user. If neither
// the options nor the profile have a value, it asks the person at the terminal. Used by one thread.
class CommandContext {
 public:
  // A profile that cannot be read is one warning if the options have all that it could hold.
  //
  // Errors: else those of Profile::DefaultHome() and Profile::Load().
  static absl::StatusOr<std::unique_ptr<CommandContext>> Create(const GlobalOptions& options);
  ~CommandContext();

  // The username; asks for it if it is not known.
  absl::StatusOr<std::string> User();
  // Reads it from --password-file; without that, asks.
  absl::StatusOr<std::string> Password(const std::string& prompt);

  absl::Duration timeout() const { return absl::Seconds(options_.timeout_seconds); }
  const GlobalOptions& options() const { return options_; }
  Profile& profile() { return profile_; }
  // SHA-256 of the certificate authority that the latest client trusts; empty before the first.
  const std::string& ca_fingerprint() const { return ca_fingerprint_; }

  // Returns a client that is signed in at a main server, by the profile's ticket or by password.
  // `observer` may be null; it must outlive the client.
  absl::StatusOr<std::unique_ptr<BlockingClient>> Connect(ClientObserver* observer,
                                                          BlockingClient::Messages messages);

  // Sends one request to mgmt, signed in in the same way. Returns the data of OK.
  absl::StatusOr<std::string> AskManagement(const std::string& word,
                                            const std::vector<std::string>& fields);
  // The same, signed in by `password`, never by ticket.
  absl::StatusOr<std::string> AskManagementByPassword(const std::string& password,
                                                      const std::string& word,
                                                      const std::vector<std::string>& fields);
  // Sends one request to mgmt that needs no sign-in.
  absl::StatusOr<std::string> AskWithoutSignIn(const std::string& word,
                                               const std::vector<std::string>& fields);

  // Saves what the client learnt in the profile: server and user (the first time), ticket, report.
  // Of another user than the profile's it saves nothing. Connect() and the Ask...() functions call
  // it after success; long commands call it too. A failed write only costs a question the next
  // time, so it is one warning.
  void Save();
  void ForgetTicket();
  // Replaces the ticket by one that came in an answer.
  void KeepTicket(absl::string_view ticket, absl::Time expires);

 private:
  class Keeper;

  CommandContext(const GlobalOptions& options, Profile profile);
  absl::StatusOr<Address> Server() const;
  // Whether the profile is for `user`. One that is not used yet is for anybody.
  bool IsProfileOf(absl::string_view user) const;
  // Warns, once, if something could not be saved.
  void Remember(const absl::Status& status);
  absl::StatusOr<std::string> TrustedCa();
  absl::StatusOr<std::string> MeetCa(const Address& address);
  // The options of a client, without user and secret.
  absl::StatusOr<ClientOptions> MakeOptions();
  std::optional<std::string> UsableTicket(const ClientOptions& options) const;
  // Runs `attempt` with the ticket, if one may be valid. If there is none or it is refused, runs it
  // with the password.
  template <typename Attempt>
  absl::Status WithSecret(const Attempt& attempt);

  const GlobalOptions options_;
  Profile profile_;
  std::unique_ptr<Keeper> keeper_;
  std::string user_;
  std::string ca_fingerprint_;
  bool has_warned_ = false;
};

}  // namespace convergia::client
