#include "common/store/store.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace convergia::store {
namespace {

absl::Status TooBig(absl::string_view what, size_t size, size_t max) {
  return absl::OutOfRangeError(
      absl::StrCat("a commit's ", what, " is ", size, "; at most ", max, " is possible"));
}

absl::Status ValidateKey(absl::string_view key) {
  if (key.empty()) return absl::InvalidArgumentError("a key in a commit is empty");
  if (key.size() > limits::kStoreKeyBytesMax) {
    return TooBig("key size in bytes", key.size(), limits::kStoreKeyBytesMax);
  }
  return absl::OkStatus();
}

}  // namespace

Batch& Batch::IfAbsent(absl::string_view key) {
  guards.push_back({Guard::Kind::kAbsent, std::string(key), 0});
  return *this;
}

Batch& Batch::IfPresent(absl::string_view key) {
  guards.push_back({Guard::Kind::kPresent, std::string(key), 0});
  return *this;
}

Batch& Batch::IfVersion(absl::string_view key, Revision version) {
  guards.push_back({Guard::Kind::kVersion, std::string(key), version});
  return *this;
}

Batch& Batch::Put(absl::string_view key, absl::string_view value) {
  mutations.push_back({Mutation::Kind::kPut, std::string(key), std::string(value)});
  return *this;
}

Batch& Batch::Delete(absl::string_view key) {
  mutations.push_back({Mutation::Kind::kDelete, std::string(key), std::string()});
  return *this;
}

absl::Status ValidateBatch(const Batch& batch) {
  if (batch.guards.size() > limits::kStoreGuardsMax) {
    return TooBig("number of guards", batch.guards.size(), limits::kStoreGuardsMax);
  }
  if (batch.mutations.size() > limits::kStoreMutationsMax) {
    return TooBig("number of mutations", batch.mutations.size(), limits::kStoreMutationsMax);
  }
  size_t bytes = 0;
  for (const Guard& guard : batch.guards) {
    CVG_RETURN_IF_ERROR(ValidateKey(guard.key));
    bytes += guard.key.size();
  }
  absl::flat_hash_set<absl::string_view> mutated;
  for (const Mutation& mutation : batch.mutations) {
    CVG_RETURN_IF_ERROR(ValidateKey(mutation.key));
    if (mutation.value.size() > limits::kStoreValueBytesMax) {
      return TooBig("value size in bytes", mutation.value.size(), limits::kStoreValueBytesMax);
    }
    if (!mutated.insert(mutation.key).second) {
      return absl::InvalidArgumentError("a commit changes the same key twice");
    }
    bytes += mutation.key.size() + mutation.value.size();
  }
  if (bytes > limits::kStoreCommitBytesMax) {
    return TooBig("size in bytes", bytes, limits::kStoreCommitBytesMax);
  }
  return absl::OkStatus();
}

bool IsConflict(const absl::Status& status) { return absl::IsAborted(status); }
bool IsTooBig(const absl::Status& status) { return absl::IsOutOfRange(status); }
bool IsFenced(const absl::Status& status) { return absl::IsFailedPrecondition(status); }

std::string PrefixEnd(absl::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) ++end.back();
  return end;
}

absl::Status Snapshot::ForEach(absl::string_view prefix,
                               absl::FunctionRef<absl::Status(const KeyValue&)> visit) const {
  const std::string end = PrefixEnd(prefix);
  std::string begin(prefix);
  do {
    CVG_ASSIGN_OR_RETURN(Page page, Scan(begin, end, limits::kStorePageRowsMax));
    for (const KeyValue& row : page.rows) CVG_RETURN_IF_ERROR(visit(row));
    begin = std::move(page.next);
  } while (!begin.empty());
  return absl::OkStatus();
}

absl::StatusOr<Page> Store::Scan(absl::string_view begin, absl::string_view end, int limit) const {
  return TakeSnapshot()->Scan(begin, end, limit);
}

absl::Status Store::ForEach(absl::string_view prefix,
                            absl::FunctionRef<absl::Status(const KeyValue&)> visit) const {
  return TakeSnapshot()->ForEach(prefix, visit);
}

absl::StatusOr<Revision> Store::Commit(Batch batch) {
  absl::Notification done;
  absl::StatusOr<Revision> outcome;
  CommitAsync(std::move(batch), [&](absl::StatusOr<Revision> result) {
    outcome = std::move(result);
    done.Notify();
  });
  done.WaitForNotification();
  return outcome;
}

}  // namespace convergia::store
