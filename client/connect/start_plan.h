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

// The result of one probe.
struct Measure {
  std::string name;
  std::optional<absl::Duration> round_trip;  // nullopt if it is unreachable.

  friend bool operator==(const Measure&, const Measure&) = default;
};

// Facts that a client keeps from one start to the next. Losing them costs only time.
struct StartMemory {
  std::vector<Measure> report;       // The last one sent.
  std::vector<MainServer> assigned;  // The answer to it.
};

// How a client finds its main server and returns to it. It asks mgmt for the list, probes all,
// reports the results, connects to the server that mgmt names, checks its key, and signs in. After
// five failed attempts it starts again from the beginning.
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
// While mgmt is away, the client tries the main servers that it remembers, since they accept a
// ticket without mgmt. After a lost connection it begins again with the report that it remembers.
//
// A core. Each event returns the actions to do now, and the caller answers each action with the
// event that it names. Unexpected events, for example of an abandoned probe, change nothing. Not
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
  // Measure the round trip to it. Then OnProbed().
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
  // Wait, longer each time. Then OnWaited().
  struct Wait {};
  // Close the connection to mgmt: it is not needed now.
  struct LeaveManagement {};
  // The secret is refused, so only the user can help. Begin() starts again.
  struct GiveUp {
    absl::Status status;
  };
  using Action = std::variant<SignInAtManagement, ListMainServers, Probe, Report, Connect, CheckKey,
                              Wait, LeaveManagement, GiveUp>;
  using Actions = std::vector<Action>;

  struct Options {
    int probes_max = 8;
    int attempts_max = 5;
    size_t servers_max = 10'000;  // The rest of a longer list is ignored.
    // The name of the only main server to use; empty: any.
    std::string only;
  };

  StartPlan(Options options, StartMemory memory);

  // Which secrets the client has for signing in.
  void set_has_password(bool has) { has_password_ = has; }
  void set_has_ticket(bool has) { has_ticket_ = has; }

  Actions Begin();

  // Signed in at mgmt. That gives a ticket, so there is one from now on.
  Actions OnManagementUp();
  // A request of the start-up failed at mgmt with `status`.
  Actions OnManagementFailed(const absl::Status& status);
  // mgmt cannot be reached, or cannot be trusted.
  Actions OnManagementAway(const absl::Status& status);
  Actions OnListed(std::vector<MainServer> servers);
  Actions OnProbed(absl::string_view name, std::optional<absl::Duration> round_trip);
  // The time for probes is over. Unanswered probes count as unreachable; servers that were not
  // probed yet are left out of the report.
  Actions OnProbeTimeUp();
  Actions OnAssigned(std::vector<MainServer> servers);
  Actions OnMainServerUp();
  // The server showed another key than mgmt named; `pin` is that of the key shown.
  Actions OnKeyDiffers(absl::string_view pin);
  Actions OnKeyChecked(bool valid);
  Actions OnMainServerFailed(const absl::Status& status);
  Actions OnWaited();

  // The connection to the main server has ended. Begins again after a wait and tries `server` last.
  Actions OnMainServerLost(const MainServer& server);

  bool up() const { return state_ == State::kUp; }
  const StartMemory& memory() const { return memory_; }
  // The latest failure; OK if nothing has failed since the last success.
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
