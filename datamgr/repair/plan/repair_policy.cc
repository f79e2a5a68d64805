#include "datamgr/repair/plan/repair_policy.h"

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace convergia::datamgr {
namespace {

constexpr double kSecondsMax = 30 * 24 * 3600;

absl::Status InBounds(absl::string_view field, double value, double min, double max) {
  if (value >= min && value <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " must be from ", min, " to ", max, ", not ", value));
}

uint32_t SecondsOf(absl::Duration span) {
  return static_cast<uint32_t>(absl::ToInt64Seconds(span));
}

}  // namespace

absl::Status ApplyPolicy(const v1::RepairPolicy& policy, RepairRules* rules) {
  CVG_RETURN_IF_ERROR(
      InBounds("grace_volatile_seconds", policy.grace_volatile_seconds(), 0, kSecondsMax));
  CVG_RETURN_IF_ERROR(
      InBounds("grace_non_volatile_seconds", policy.grace_non_volatile_seconds(), 0, kSecondsMax));
  CVG_RETURN_IF_ERROR(
      InBounds("surplus_keep_seconds", policy.surplus_keep_seconds(), 0, kSecondsMax));
  CVG_RETURN_IF_ERROR(InBounds("brake_fraction", policy.brake_fraction(), 0, 1));
  if (policy.has_copies_volatile()) {
    CVG_RETURN_IF_ERROR(InBounds("copies_volatile", policy.copies_volatile(), 3, 8));
  }
  if (policy.has_sweep_seconds()) {
    CVG_RETURN_IF_ERROR(InBounds("sweep_seconds", policy.sweep_seconds(), 1, kSecondsMax));
  }
  if (policy.has_grace_volatile_seconds()) {
    rules->grace_volatile = absl::Seconds(policy.grace_volatile_seconds());
  }
  if (policy.has_grace_non_volatile_seconds()) {
    rules->grace_non_volatile = absl::Seconds(policy.grace_non_volatile_seconds());
  }
  if (policy.has_copies_volatile()) {
    rules->placement.copies_volatile = static_cast<int>(policy.copies_volatile());
  }
  if (policy.has_surplus_keep_seconds()) {
    rules->surplus_keep = absl::Seconds(policy.surplus_keep_seconds());
  }
  if (policy.has_sweep_seconds()) rules->sweep_every = absl::Seconds(policy.sweep_seconds());
  if (policy.has_brake_fraction()) rules->brake_fraction = policy.brake_fraction();
  return absl::OkStatus();
}

v1::RepairPolicy PolicyOf(const RepairRules& rules) {
  v1::RepairPolicy policy;
  policy.set_grace_volatile_seconds(SecondsOf(rules.grace_volatile));
  policy.set_grace_non_volatile_seconds(SecondsOf(rules.grace_non_volatile));
  policy.set_copies_volatile(static_cast<uint32_t>(rules.placement.copies_volatile));
  policy.set_surplus_keep_seconds(SecondsOf(rules.surplus_keep));
  policy.set_sweep_seconds(SecondsOf(rules.sweep_every));
  policy.set_brake_fraction(rules.brake_fraction);
  return policy;
}

}  // namespace convergia::datamgr
