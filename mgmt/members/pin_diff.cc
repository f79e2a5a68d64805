#include "mgmt/members/pin_diff.h"

#include <utility>

#include "common/rpc/auth/role_proto.h"

namespace convergia::mgmt {
namespace {

void AddEntry(const rpc::PinEntry& entry, v1::Pins* pins) {
  v1::PinEntry* to = pins->add_valid();
  to->set_pin(entry.pin);
  to->set_role(rpc::RoleToProto(entry.role));
  to->set_name(entry.name);
  to->set_node_id(entry.node);
}

}  // namespace

v1::Pins PinDiff::Replace(const std::vector<rpc::PinEntry>& valid) {
  std::map<identity::Pin, rpc::PinEntry> next;
  for (const rpc::PinEntry& entry : valid) next.emplace(entry.pin, entry);
  v1::Pins change;
  for (const auto& [pin, entry] : next) {
    const auto before = pins_.find(pin);
    if (before == pins_.end() || before->second != entry) AddEntry(entry, &change);
  }
  for (const auto& [pin, entry] : pins_) {
    if (!next.contains(pin)) change.add_revoked(pin);
  }
  pins_ = std::move(next);
  return change;
}

v1::Pins PinDiff::Whole() const {
  v1::Pins whole;
  whole.set_whole(true);
  for (const auto& [pin, entry] : pins_) AddEntry(entry, &whole);
  return whole;
}

}  // namespace convergia::mgmt
