#include "common/store/commit_rules.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace convergia::store {
namespace {

bool Holds(const Guard& guard, Revision version) {
  switch (guard.kind) {
    case Guard::Kind::kAbsent:
      return version == 0;
    case Guard::Kind::kPresent:
      return version != 0;
    case Guard::Kind::kVersion:
      return version == guard.version;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::vector<const Mutation*>> DecideCommit(const Batch& batch,
                                                          VersionOf version_of) {
  for (const Guard& guard : batch.guards) {
    CVG_ASSIGN_OR_RETURN(const Revision version, version_of(guard.key));
    if (!Holds(guard, version)) {
      return absl::AbortedError(absl::StrCat("the key \"", absl::CHexEscape(guard.key),
                                             "\" has changed meanwhile: version ", version));
    }
  }
  std::vector<const Mutation*> changes;
  changes.reserve(batch.mutations.size());
  for (const Mutation& mutation : batch.mutations) {
    if (mutation.kind == Mutation::Kind::kDelete) {
      CVG_ASSIGN_OR_RETURN(const Revision version, version_of(mutation.key));
      if (version == 0) continue;
    }
    changes.push_back(&mutation);
  }
  return changes;
}

std::vector<Event> MakeEvents(const std::vector<const Mutation*>& mutations, Revision revision) {
  std::vector<Event> events;
  events.reserve(mutations.size());
  for (const Mutation* mutation : mutations) {
    events.push_back({mutation->kind, mutation->key, mutation->value, revision});
  }
  return events;
}

}  // namespace convergia::store
