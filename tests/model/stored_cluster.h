#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "convergia/v1/data_admin.grpc.pb.h"
#include "tests/cluster/cluster_test_base.h"
#include "tests/model/core/shared_file.h"
#include "tests/model/party.h"

namespace convergia::testing {

// A number from the environment, to repeat a test or to run it longer; else `otherwise`.
uint64_t NumberFromEnvironment(const char* name, uint64_t otherwise);

// One of several clients that overwrite and read one shared file, each on its own session.
class Rival {
 public:
  static constexpr char kPath[] = "/rivals/f";

  Rival(std::unique_ptr<LineClient> client, SharedFile* file, uint64_t seed, bool failures);
  // Returns false if an answer is wrong: see failure().
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

// A cluster with storage: mgmt, two edges, datamgr, four volatile data servers and one
// non-volatile. Some parties and rivals use it.
class StoredClusterTest : public ClusterTest {
 public:
  static constexpr int kParties = 3;
  static constexpr int kRivals = 3;
  static constexpr int kTestsMax = 3;  // Of one suite.
  static constexpr char kKeeper[] = "keeper";

  static void SetUpTestSuite();

 protected:
  // The seed: CVG_SEED, or a random one. Failures print it.
  static uint64_t Seed();

  void TearDown() override { StopWork(); }  // A failed test may leave threads.

  // Signs all users in and waits until the cluster stores bytes. `failures`: see Party::Options.
  void Invite(uint64_t seed, bool failures);
  // Starts all parties and rivals, each on its own thread. They run until StopWork(), or until each
  // party has taken `steps` steps.
  void StartWork(int64_t steps);
  void JoinWork();  // Waits until all steps are taken.
  void StopWork();
  bool failed() const { return failed_; }
  // Fails the test for each failure(), with the seed.
  void CheckWork();
  // Compares everything that each party stored, byte for byte.
  void CompareAll();
  void KeepSessions();
  Party::Figures Sum() const;  // Of all parties.
  std::string Figures() const;

  // Waits until both classes of data servers accept and return bytes; false after `patience`.
  bool AwaitServing(absl::Duration patience);
  // Waits until clients are told STORAGEDOWN; false after `patience`.
  bool AwaitDown(absl::Duration patience);

  static v1::GetRepairStatusResponse RepairStatus();
  static void SetPolicy(const v1::RepairPolicy& policy);
  // Whether every volume has its copies and no repair is waiting or running. Sets `*why`.
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
