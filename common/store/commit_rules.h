#pragma once

#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/store/store.h"

namespace convergia::store {

// A key's version just before the batch; 0 if the key is absent. May fail to read it.
using VersionOf = absl::FunctionRef<absl::StatusOr<Revision>(absl::string_view key)>;

// Decides a valid `batch`: returns its mutations without deletes of absent keys. The pointers point
// into `batch`. Every backend uses this function.
//
// Errors: kAborted, naming the guard that does not hold; those of `version_of`.
absl::StatusOr<std::vector<const Mutation*>> DecideCommit(const Batch& batch, VersionOf version_of);

// The events of `mutations` as `revision` has them.
std::vector<Event> MakeEvents(const std::vector<const Mutation*>& mutations, Revision revision);

}  // namespace convergia::store
