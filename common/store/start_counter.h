#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/store/store.h"

namespace convergia::store {

// Counts this start of a server in its `store`, under `key`, and returns the start's epoch: the
// greatest of
//
//   - one more than the epoch of the start before, as `store` has it;
//   - the milliseconds from 1970 to `now`;
//   - `at_least`.
//
// The first makes epochs grow whatever the clock does. The second makes a store that was restored
// from a backup start above all starts that the backup does not know of: starts are rarer than
// milliseconds, so their epochs never run ahead of the clock. The third is for operators, if the
// clock was wrong while a store was lost. Blocks.
//
// The commit is guarded: of two processes that start on one store at the same moment, one gets the
// epoch and the other is refused.
//
// Errors: kFailedPrecondition if another process started meanwhile; kDataLoss if what is stored is
// no count; kOutOfRange if no epoch is left; those of the store.
absl::StatusOr<Epoch> CountStart(Store& store, absl::string_view key, absl::Time now,
                                 Epoch at_least = 0);

}  // namespace convergia::store
