#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "common/base/random.h"
#include "tests/model/stored_cluster.h"

namespace convergia::testing {

// A cluster with storage whose servers fail while parties and rivals use it:
//
//   Begin();  <kill, stop and start servers>  End();
class TormentTest : public StoredClusterTest {
 protected:
  static constexpr absl::Duration kServingAgain = absl::Minutes(2);
  static constexpr absl::Duration kWholeAgain = absl::Minutes(10);

  void SetUp() override;

  // Starts all work, with a repair policy that replaces missing copies after 2 seconds.
  void Begin();
  // Ends the work and checks it. Acknowledged data must be there, and all volumes must get their
  // copies.
  void End();

  // Waits for a random time of at most `longest`; less if a check has failed.
  void LetThemWork(absl::Duration longest);
  void AwaitWhole();
  // Starts a server and kills it a moment later, mostly before it serves.
  void KillWhileItStarts(const std::string& name);
  std::string AnyDataServer();

  Rng rng_;
};

}  // namespace convergia::testing
