#include "common/store/start_counter.h"

#include <glog/logging.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "start_records.pb.h"

namespace convergia::store {
namespace {

absl::StatusOr<Epoch> LastOf(const std::optional<KeyValue>& row, absl::string_view key) {
  if (!row.has_value()) return 0;
  records::StartCount count;
  if (!count.ParseFromString(row->value)) {
    return absl::DataLossError(absl::StrCat("the record ", key, " cannot be read"));
  }
  if (count.last() == std::numeric_limits<Epoch>::max()) {
    return absl::OutOfRangeError(absl::StrCat("the record ", key, " leaves no greater epoch"));
  }
  return count.last();
}

}  // namespace

absl::StatusOr<Epoch> CountStart(Store& store, absl::string_view key, absl::Time now,
                                 Epoch at_least) {
  CVG_ASSIGN_OR_RETURN(const auto row, store.Get(key));
  CVG_ASSIGN_OR_RETURN(const Epoch last, LastOf(row, key));
  const auto by_clock = static_cast<Epoch>(std::max<int64_t>(absl::ToUnixMillis(now), 0));
  LOG_IF(WARNING, by_clock <= last)
      << "the clock is behind the last start of this server, so its epoch says nothing of the "
         "time; set the clock right before you restore a backup";
  const Epoch epoch = std::max({last + 1, by_clock, at_least});
  records::StartCount count;
  count.set_last(epoch);
  Batch batch;
  batch.IfVersion(key, row.has_value() ? row->version : 0).Put(key, count.SerializeAsString());
  const absl::Status done = store.Commit(std::move(batch)).status();
  if (IsConflict(done)) {
    return absl::FailedPreconditionError(
        "another process started on this store at the same moment, and only one may run; stop the "
        "other, then start this one again");
  }
  CVG_RETURN_IF_ERROR(done);
  return epoch;
}

}  // namespace convergia::store
