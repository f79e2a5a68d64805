#pragma once

#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace convergia::client {

// An edge, as mgmt lists or assigns it.
struct MainServer {
  std::string name;
  std::string address;  // host:port
  std::string pin;      // Empty only where mgmt gave none.

  friend bool operator==(const MainServer&, const MainServer&) = default;
};

// What one probe found.
struct Measure {
  std::string name;
  std::optional<absl::Duration> round_trip;  // nullopt: unreachable.

  friend bool operator==(const Measure&, const Measure&) = default;
};

// What a client remembers from one start to the next; safe to lose.
struct StartMemory {
  std::vector<Measure> report;       // The last one sent.
  std::vector<MainServer> assigned;  // The answer to it.
};

// How a client finds its main server and comes back to it: the founding document's start-up. Ask
// mgmt for the list, probe all, report, connect to what mgmt names, checking its key, and sign in;
// after five failed attempts, from the start.
//
//             Begin
//               v                        report remembered
//   SignInAtManagement --ok--> ListMainServers - - - - - - - - -.
//       | mgmt is away            v                             v
//       |                       Probe (8 at once) --all--> Report --> Connect (up to 5 times)
//       '- - - - with what is remembered - - - - - - - - - - - - - - -^   |  | key differs
//                                                                     |   |  '-> CheckKey
//                                                       Wait <-- five failed        |
//                                                                         v         |
//                                                                      signed in <--'
//
// With mgmt away it tries the main servers it remembers, since they take a ticket without mgmt. A
// lost connection begins again, with the report it remembers.
//
// A core: each event returns what is now to be done; whoever does it comes back with the event that
// the action names. Events nobody asked for, as from a probe that was given up, change nothing. Not
// thread-safe.
class StartPlan {
 public:
  enum class Secret { kTicket, kPassword };

  // Connect to mgmt, check its certificate, LOGIN. Then OnManagementUp(), OnManagementFailed() or
  // OnManagementAway().
  struct SignInAtManagement {
    Secret secret;
  };
  // LISTMAINSERVERS. Then OnListed() or OnManagementFailed().
  struct ListMainServers {};
  // Measure how far it is. Then OnProbed().
  struct Probe {
    MainServer server;
  };
  // REPORTMAINSERVERS. Then OnAssigned() or OnManagementFailed().
  struct Report {
    std::vector<Measure> measures;
  };
  // Connect, check that the key is `server.pin`, sign in by ticket. Then OnMainServerUp(),
  // OnKeyDiffers() or OnMainServerFailed().
  struct Connect {
    MainServer server;
  };
  // CHECKKEY. Then OnKeyChecked().
  struct CheckKey {
    std::string name;
    std::string pin;
  };
  // Wait, each time longer. Then OnWaited().
  struct Wait {};
  // mgmt's connection is not needed now.
  struct LeaveManagement {};
  // Only the user can help: the secret is refused. Begin() starts anew.
  struct GiveUp {
    absl::Status status;
  };
  using Action = std::variant<SignInAtManagement, ListMainServers, Probe, Report, Connect, CheckKey,
                              Wait, LeaveManagement, GiveUp>;
  using Actions = std::vector<Action>;

  struct Options {
    int probes_max = 8;
    int attempts_max = 5;
    size_t servers_max = 10'000;  // More of a list are not looked at.
    // The name of the one main server that is looked at; empty: all of them.
    std::string only;
  };

  StartPlan(Options options, StartMemory memory);

  // Which secrets there are to sign in with.
  void set_has_password(bool has) { has_password_ = has; }
  void set_has_ticket(bool has) { has_ticket_ = has; }

  Actions Begin();

  // The sign-in at mgmt gives a ticket, so there is one from now on.
  Actions OnManagementUp();
  // What mgmt answered to a request of the start-up, in place of OK.
  Actions OnManagementFailed(const absl::Status& status);
  // There is no connection to mgmt, or to no mgmt that can be trusted.
  Actions OnManagementAway(const absl::Status& status);
  Actions OnListed(std::vector<MainServer> servers);
  Actions OnProbed(absl::string_view name, std::optional<absl::Duration> round_trip);
  // Enough time was spent on probes: those still out count as unreachable, those not begun are left
  // out of the report.
  Actions OnProbeTimeUp();
  Actions OnAssigned(std::vector<MainServer> servers);
  Actions OnMainServerUp();
  // The server has another key than mgmt said; `pin` is what it showed.
  Actions OnKeyDiffers(absl::string_view pin);
  Actions OnKeyChecked(bool valid);
  Actions OnMainServerFailed(const absl::Status& status);
  Actions OnWaited();

  // The main server's connection has ended; begins again after a wait. `server` is tried last then.
  Actions OnMainServerLost(const MainServer& server);

  bool up() const { return state_ == State::kUp; }
  const StartMemory& memory() const { return memory_; }
  // Why the latest thing that failed did; OK if nothing has since the last success.
  const absl::Status& last_failure() const { return last_failure_; }

 private:
  enum class State {
    kIdle,
    kSigningIn,
    kListing,
    kProbing,
    kReporting,
    kConnecting,
    kCheckingKey,
    kWaitingToConnect,
    kWaitingToBegin,
    kUp,
  };

  Actions SignIn();
  Actions StartOver();
  Actions List();
  Actions AfterSecretRefused(const absl::Status& status);
  Actions NextProbes();
  Actions SendReport();
  Actions ConnectNext();
  Actions AttemptFailed(const absl::Status& status);
  void SetCandidates(std::vector<MainServer> servers);
  void DropUnwanted(std::vector<MainServer>* servers) const;
  absl::Status NoServers(absl::string_view why) const;

  const Options options_;
  StartMemory memory_;
  bool has_password_ = false;
  bool has_ticket_ = false;

  State state_ = State::kIdle;
  bool management_up_ = false;
  bool report_is_stale_ = false;  // List and probe before the next report.
  Secret secret_ = Secret::kTicket;
  absl::Status last_failure_;
  std::string lost_;  // The server whose connection was lost last.

  std::deque<MainServer> unprobed_;
  absl::flat_hash_set<std::string> probing_;
  std::vector<Measure> measures_;

  std::vector<MainServer> candidates_;
  size_t next_candidate_ = 0;
  int attempts_ = 0;
  bool key_was_checked_ = false;  // Of the current candidate, in this attempt.
  std::string key_shown_;
};

}  // namespace convergia::client
