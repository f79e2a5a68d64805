#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "convergia/v1/data_admin.grpc.pb.h"
#include "tests/cluster/cluster_test_base.h"
#include "tests/model/party.h"
#include "tests/model/shared_file.h"

namespace convergia::testing {

// A number from the environment, to run a test longer or again.
uint64_t NumberFromEnvironment(const char* name, uint64_t otherwise);

// Several who overwrite and read one file, each on a session of its own.
class Rival {
 public:
  static constexpr char kPath[] = "/rivals/f";

  Rival(std::unique_ptr<LineClient> client, SharedFile* file, uint64_t seed, bool failures);
  // False: see failure().
  bool TakeSteps(int steps);
  const std::string& failure() const { return failure_; }

 private:
  bool Write();
  bool Read();

  const std::unique_ptr<LineClient> client_;
  SharedFile& file_;
  Rng rng_;
  const bool failures_;
  std::string failure_;
};

// The cluster that stores: mgmt, two edges, datamgr, four volatile data servers and one
// non-volatile, and some parties and rivals on it.
class StoredClusterTest : public ClusterTest {
 public:
  static constexpr int kParties = 3;
  static constexpr int kRivals = 3;
  static constexpr int kTestsMax = 3;  // Of one suite.
  static constexpr char kKeeper[] = "keeper";

  static void SetUpTestSuite();

 protected:
  // Printed when something is wrong: CVG_SEED, or another one each time.
  static uint64_t Seed();

  void TearDown() override { StopWork(); }  // Whatever a test that failed left at work.

  // Signs everybody in and sees that bytes can be stored. `failures`: Party::Options.
  void Invite(uint64_t seed, bool failures);
  // Parties and rivals at work, each on its own thread, until Stop(), or until each party has
  // taken `steps`.
  void StartWork(int64_t steps);
  void JoinWork();  // Waits for the steps.
  void StopWork();
  bool failed() const { return failed_; }
  // Reports what went wrong, with the seed.
  void CheckWork();
  // Every party has everything, byte for byte.
  void CompareAll();
  void KeepSessions();
  Party::Figures Sum() const;  // Of all parties.
  std::string Figures() const;

  // Both classes of data servers take bytes, and give them back; false if not in time.
  bool AwaitServing(absl::Duration patience);
  // Clients are told that storage is away.
  bool AwaitDown(absl::Duration patience);

  static v1::GetRepairStatusResponse RepairStatus();
  static void SetPolicy(const v1::RepairPolicy& policy);
  // Every volume has as many live copies as it is to have, and nothing is under way.
  static bool IsWhole(std::string* why);
  static uint64_t VolumeCount();

 private:
  void InviteParty(int number, uint64_t seed, bool failures);
  void InviteRivals(uint64_t seed, bool failures);

  std::vector<std::unique_ptr<Party>> parties_;
  std::vector<std::unique_ptr<Rival>> rivals_;
  SharedFile shared_file_;
  std::unique_ptr<LineClient> prober_;
  std::vector<std::thread> workers_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> failed_ = false;
  std::atomic<int> parties_at_work_ = 0;
  uint64_t seed_ = 0;
};

}  // namespace convergia::testing
