#pragma once

#include "absl/status/status.h"
#include "convergia/v1/data_admin.pb.h"
#include "datamgr/repair/plan/repair_planner.h"

namespace convergia::datamgr {

// Applies the fields that `policy` sets.
//
// Errors: kInvalidArgument, naming the field that is out of its bounds; `rules` is then unchanged.
absl::Status ApplyPolicy(const v1::RepairPolicy& policy, RepairRules* rules);

// The policy with all fields of `rules`.
v1::RepairPolicy PolicyOf(const RepairRules& rules);

}  // namespace convergia::datamgr
