#pragma once

#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/store/store.h"

namespace convergia::sim {

// The durable state of one replica: what RocksStore keeps, as a map. Each write is atomic.
struct StoreDisk {
  std::map<std::string, std::pair<std::string, store::Revision>> rows;  // Value, version.
  store::Revision revision = 0;
  std::string mark;

  // Like RocksStore::Apply(). Errors: kDataLoss if the changes are not the next.
  absl::Status Apply(absl::Span<const std::string> changes, absl::string_view mark);
  store::Revision VersionOf(const std::string& key) const;
};

}  // namespace convergia::sim
