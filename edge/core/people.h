#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "edge/core/caller.h"
#include "edge/core/server_map.h"
#include "edge/upstream/mgmt_client.h"

namespace convergia::edge {

struct NewAccount {
  std::string username;
  std::string password;
  std::string invite;          // Empty if there is none.
  std::string client_address;  // The address and port that asked: "192.0.2.1:4711".
};

struct PendingRegistration {
  std::string id;
  std::string captcha_jpeg;
};

struct CaptchaAnswer {
  std::string registration_id;
  std::string text;
  std::string client_address;
};

struct RegistrationState {
  bool waits_for_operator = false;  // If false, the account exists now.
};

// One session of the caller, on any server.
struct OwnSession {
  struct Facts {
    uint64_t number = 0;
    std::string address;
    absl::Time since;
  };
  std::string server;
  std::optional<Facts> facts;  // nullopt if that server cannot be asked now.
};

struct MapPage {
  std::string after;   // Only ids greater than this one.
  uint32_t limit = 0;  // 0: as many as the server allows.
};

// The operations on accounts, sessions and the server map, which mgmt carries out. Thread-safe.
// Errors: mgmt's own, and MANAGEMENTDOWN. docs/PROTOCOL.md describes each under its command.
class PeopleCore {
 public:
  // `mgmt` must outlive it.
  explicit PeopleCore(MgmtClient* mgmt) : mgmt_(*mgmt) {}

  void Register(NewAccount account, Done<PendingRegistration> done);
  void ConfirmRegistration(CaptchaAnswer answer, Done<RegistrationState> done);
  void ListSessions(const Caller& caller, Done<std::vector<OwnSession>> done);
  void EndSession(const Caller& caller, std::string server, uint64_t number, Done<Nothing> done);
  void GetServerMap(const Caller& caller, MapPage page, Done<ServerMap> done);

 private:
  MgmtClient& mgmt_;
};

}  // namespace convergia::edge
