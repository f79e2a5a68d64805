#pragma once

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/store/store.h"

namespace convergia::mgmt {

// Counts this start of mgmt in `store`, and returns its number: greater than at any start before.
// Blocks.
//
// Errors: those of the store.
absl::StatusOr<Epoch> CountStart(store::Store& store);

}  // namespace convergia::mgmt
