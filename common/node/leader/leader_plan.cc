#include "common/node/leader/leader_plan.h"

#include "absl/algorithm/container.h"

namespace convergia::node {
namespace {

std::string PlaceOf(const LeaderWord& word, const std::vector<std::string>& known) {
  if (word.is_self) return word.from;
  for (const std::string& address : word.addresses) {
    if (absl::c_linear_search(known, address)) return address;
  }
  return word.addresses.empty() ? "" : word.addresses.front();
}

}  // namespace

std::string LeaderPlan::OnWord(const LeaderWord& word, Epoch highest,
                               const std::vector<std::string>& known) {
  if (word.epoch == 0 || word.epoch < highest || word.epoch <= settled_) return "";
  const std::string place = PlaceOf(word, known);
  if (!place.empty()) settled_ = word.epoch;
  return place;
}

}  // namespace convergia::node
