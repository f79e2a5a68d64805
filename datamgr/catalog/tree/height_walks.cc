#include "datamgr/catalog/tree/height_walks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "catalog_records.pb.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "datamgr/catalog/transactions/keys.h"
#include "datamgr/catalog/tree/path.h"

namespace convergia::datamgr {
namespace {

constexpr size_t kWalksMax = 64;
// One step reads at most this many rows. Each folder counts as one more.
constexpr int kRowsPerStep = 256;

absl::Status TooDeep() {
  return Fail(FailCode::kBadField, absl::StrCat("folders are at most ", kPathDepthMax,
                                                " deep; move it nearer to the top"));
}

}  // namespace

absl::Status HeightWalks::Check(uint64_t folder, size_t highest) {
  Walk& walk = WalkOf(folder);
  const absl::Status stepped = Step(walk, highest);
  if (!IsCallAgain(stepped)) walks_.erase(folder);
  return stepped;
}

HeightWalks::Walk& HeightWalks::WalkOf(uint64_t folder) {
  if (!walks_.contains(folder) && walks_.size() >= kWalksMax) {
    walks_.erase(std::min_element(walks_.begin(), walks_.end(), [](const auto& a, const auto& b) {
      return a.second.used < b.second.used;
    }));
  }
  Walk& walk = walks_[folder];
  if (walk.used == 0) walk.open.push_back({folder});
  walk.used = ++uses_;
  return walk;
}

absl::Status HeightWalks::Step(Walk& walk, size_t highest) {
  int rows_left = kRowsPerStep;
  while (!walk.open.empty() && rows_left > 0) {
    CVG_RETURN_IF_ERROR(LookInto(walk, &rows_left));
    if (walk.height > highest) return TooDeep();
    if (walk.folders > kMeasuredFoldersMax) {
      return Fail(FailCode::kBadField,
                  "too many folders are in it to move it deeper at once; move them one by one");
    }
  }
  if (walk.height > highest) return TooDeep();
  return walk.open.empty() ? absl::OkStatus() : CallAgain();
}

absl::Status HeightWalks::LookInto(Walk& walk, int* rows_left) {
  const Open at = walk.open.back();
  const std::string entries = keys::Entries(at.folder);
  CVG_ASSIGN_OR_RETURN(store::Page page, env_.rows.Scan(at.next.empty() ? entries : at.next,
                                                        store::PrefixEnd(entries), *rows_left));
  *rows_left -= 1 + static_cast<int>(page.rows.size());
  if (page.next.empty()) {
    walk.open.pop_back();
  } else {
    walk.open.back().next = std::move(page.next);
  }
  for (const store::KeyValue& row : page.rows) {
    records::DirectoryEntry entry;
    if (!entry.ParseFromString(row.value)) return absl::DataLossError("a damaged entry");
    walk.height = std::max(walk.height, at.level + 1);
    if (entry.kind() != records::KIND_FOLDER) continue;
    walk.open.push_back({entry.inode(), at.level + 1});
    ++walk.folders;
  }
  return absl::OkStatus();
}

void HeightWalks::OnAdded(absl::Span<const uint64_t> folders) {
  if (walks_.empty()) return;
  for (size_t i = 0; i < folders.size(); ++i) {
    const auto walk = walks_.find(folders[i]);
    if (walk == walks_.end()) continue;
    walk->second.height = std::max(walk->second.height, folders.size() - i + 1);
  }
}

void HeightWalks::OnMovedIn(absl::Span<const uint64_t> folders) {
  for (const uint64_t folder : folders) walks_.erase(folder);
}

}  // namespace convergia::datamgr
