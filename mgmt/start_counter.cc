#include "mgmt/start_counter.h"

#include <utility>

#include "common/base/status_macros.h"
#include "mgmt_records.pb.h"

namespace convergia::mgmt {

absl::StatusOr<Epoch> CountStart(store::Store& store) {
  constexpr absl::string_view kKey = "counter/start";
  CVG_ASSIGN_OR_RETURN(const auto row, store.Get(kKey));
  records::Counter counter;
  if (row && !counter.ParseFromString(row->value)) {
    return absl::DataLossError("the record counter/start cannot be read");
  }
  counter.set_last(counter.last() + 1);
  store::Batch batch;
  batch.Put(kKey, counter.SerializeAsString());
  CVG_RETURN_IF_ERROR(store.Commit(std::move(batch)).status());
  return counter.last();
}

}  // namespace convergia::mgmt
