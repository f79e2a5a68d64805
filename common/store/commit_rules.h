#pragma once

#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/store/store.h"

namespace convergia::store {

// A key's version just before the batch in question; 0 if it is absent. May fail to read it.
using VersionOf = absl::FunctionRef<absl::StatusOr<Revision>(absl::string_view key)>;

// What `batch`, already valid, changes: its mutations without deletes of absent keys. They point
// into it. Every backend decides by this function.
//
// Errors: kAborted, naming the guard that does not hold; those of `version_of`.
absl::StatusOr<std::vector<const Mutation*>> DecideCommit(const Batch& batch, VersionOf version_of);

// The events of `mutations` as `revision` has them.
std::vector<Event> MakeEvents(const std::vector<const Mutation*>& mutations, Revision revision);

}  // namespace convergia::store
