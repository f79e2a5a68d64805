#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/rpc/auth/pin_set.h"
#include "convergia/v1/cluster.pb.h"

namespace convergia::mgmt {

// The valid pins as nodes know them, to tell nodes only what changed. Not thread-safe.
class PinDiff {
 public:
  // Replaces the pins with `valid`. Returns the message for nodes; it has neither valid nor revoked
  // pins if nothing changed.
  v1::Pins Replace(const std::vector<rpc::PinEntry>& valid);

  // All pins, for a node that knows none yet.
  v1::Pins Whole() const;

 private:
  std::map<identity::Pin, rpc::PinEntry> pins_;
};

}  // namespace convergia::mgmt
