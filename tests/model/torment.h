#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "common/base/random.h"
#include "tests/model/stored_cluster.h"

namespace convergia::testing {

// A stored cluster whose servers fail while parties and rivals are at work:
//
//   Begin();  <kill, stop and start servers>  End();
class TormentTest : public StoredClusterTest {
 protected:
  static constexpr absl::Duration kServingAgain = absl::Minutes(2);
  static constexpr absl::Duration kWholeAgain = absl::Minutes(10);

  void SetUp() override;

  // Everybody at work, and copies of servers that are away are made elsewhere soon.
  void Begin();
  // Work ends. What was acknowledged is there, and what should have copies gets them.
  void End();

  // Lets things happen for a while of at most `longest`; no longer if something is wrong.
  void LetThemWork(absl::Duration longest);
  void AwaitWhole();
  // Starts it, and kills it a moment later, mostly before it serves.
  void KillWhileItStarts(const std::string& name);
  std::string AnyDataServer();

  Rng rng_;
};

}  // namespace convergia::testing
