// Measures the memory of an idle session. The clients run in a process of their own, so that only
// the server's memory counts.

#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/lineserver/testing/session_test_fixture.h"

namespace convergia::lineserver {
namespace {

constexpr int kWarmUp = 100;
constexpr int kSessions = 400;
constexpr int64_t kBytesPerSessionMax = 20 * 1024;

int64_t ResidentBytes() {
  int64_t pages_all = 0, pages_resident = 0;
  std::ifstream("/proc/self/statm") >> pages_all >> pages_resident;
  return pages_resident * sysconf(_SC_PAGESIZE);
}

// Signs in `count` clients and keeps them.
void OpenSessions(const std::string& address, int count,
                  std::vector<std::unique_ptr<TestClient>>* clients) {
  for (int i = 0; i < count; ++i) {
    clients->push_back(std::make_unique<TestClient>(address));
    TestClient& client = *clients->back();
    if (!client.Handshake() || client.ReadPacket().empty() ||
        client.Ask("alice~\nsecret\n").substr(0, 3) != "OK ") {
      _exit(1);
    }
  }
}

// The main function of the clients' process. For each byte that arrives, it opens sessions and
// confirms.
[[noreturn]] void RunClients(int from_server, int to_server) {
  char address[64] = {};
  if (read(from_server, address, sizeof(address)) <= 0) _exit(1);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (const int count : {kWarmUp, kSessions}) {
    OpenSessions(address, count, &clients);
    if (write(to_server, ".", 1) != 1) _exit(1);
    char go_on = 0;
    if (read(from_server, &go_on, 1) != 1) _exit(1);
  }
  _exit(0);
}

using MemoryTest = SessionTest;

TEST_F(MemoryTest, AnIdleSessionCostsAtMostTwentyKibibytes) {
  int to_clients[2], to_server[2];
  ASSERT_EQ(pipe(to_clients), 0);
  ASSERT_EQ(pipe(to_server), 0);
  const pid_t child = fork();
  if (child == 0) RunClients(to_clients[0], to_server[1]);
  options_.shards = 1;
  options_.limits.unauthenticated_per_address_max = kWarmUp + kSessions;
  StartServer();
  ASSERT_GT(write(to_clients[1], address().c_str(), address().size() + 1), 0);
  char done = 0;
  ASSERT_EQ(read(to_server[0], &done, 1), 1);
  malloc_trim(0);
  const int64_t before = ResidentBytes();
  ASSERT_EQ(write(to_clients[1], ".", 1), 1);
  ASSERT_EQ(read(to_server[0], &done, 1), 1);
  WaitForNoMemory();
  const int64_t bytes = (ResidentBytes() - before) / kSessions;
  std::cout << bytes << " bytes per idle session, of which the connection and the session are "
            << sizeof(session::Connection) + sizeof(Session) << "\n";
  EXPECT_LT(bytes, kBytesPerSessionMax);
  EXPECT_GT(bytes, 1024) << "nothing was measured";
  EXPECT_EQ(server_->signed_in(), kWarmUp + kSessions);
  ASSERT_EQ(write(to_clients[1], ".", 1), 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace convergia::lineserver
