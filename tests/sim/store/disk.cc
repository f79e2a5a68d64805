#include "tests/sim/store/disk.h"

#include "common/base/status_macros.h"
#include "common/store/rocks/rocks_format.h"

namespace convergia::sim {

absl::Status StoreDisk::Apply(absl::Span<const std::string> changes, absl::string_view new_mark) {
  for (const std::string& bytes : changes) {
    CVG_ASSIGN_OR_RETURN(const auto decoded, store::rocks_format::DecodeChanges(bytes));
    for (const std::vector<store::Event>& events : decoded) {
      if (events.front().revision != revision + 1) {
        return absl::DataLossError("applied twice, or not at all");
      }
      ++revision;
      for (const store::Event& event : events) {
        if (event.kind == store::Mutation::Kind::kDelete) {
          rows.erase(event.key);
        } else {
          rows[event.key] = {event.value, revision};
        }
      }
    }
  }
  mark = std::string(new_mark);
  return absl::OkStatus();
}

store::Revision StoreDisk::VersionOf(const std::string& key) const {
  const auto it = rows.find(key);
  return it == rows.end() ? 0 : it->second.second;
}

}  // namespace convergia::sim
