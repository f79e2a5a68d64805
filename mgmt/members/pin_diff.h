#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/rpc/pin_set.h"
#include "convergia/v1/cluster.pb.h"

namespace convergia::mgmt {

// The valid pins as nodes were told of them, so that a change can be told as what changed. Not
// thread-safe.
class PinDiff {
 public:
  // These are all now. What to tell nodes; nothing to tell has neither valid nor revoked pins.
  v1::Pins Replace(const std::vector<rpc::PinEntry>& valid);

  // For a node that knows nothing yet.
  v1::Pins Whole() const;

 private:
  std::map<identity::Pin, rpc::PinEntry> pins_;
};

}  // namespace convergia::mgmt
