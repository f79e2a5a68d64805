#include "datamgr/catalog/tree/rights.h"

#include <set>

#include "common/base/status_macros.h"
#include "datamgr/catalog/transactions/keys.h"

namespace convergia::datamgr {
namespace {

// The search for an admin stops after this many entries of a folder and those above it.
constexpr size_t kEntriesSeenMax = 1'000;

constexpr absl::string_view kWords[] = {"none", "read", "write", "admin"};

char Letter(Right right) { return RightWord(right).front(); }

absl::StatusOr<Right> FromLetter(absl::string_view text) {
  for (const Right right : {Right::kNone, Right::kRead, Right::kWrite, Right::kAdmin}) {
    if (text.size() == 1 && text.front() == Letter(right)) return right;
  }
  return absl::DataLossError("a permission of the catalog is damaged");
}

}  // namespace

absl::string_view RightWord(Right right) { return kWords[static_cast<int>(right)]; }

std::optional<Right> RightFromWord(absl::string_view word) {
  for (const Right right : {Right::kNone, Right::kRead, Right::kWrite, Right::kAdmin}) {
    if (word == RightWord(right)) return right;
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<Right>> Rights::Entry(Transaction& edit, uint64_t folder,
                                                   absl::string_view who) const {
  CVG_ASSIGN_OR_RETURN(const std::optional<std::string> text,
                       edit.GetText(keys::Permission(folder, who)));
  if (text.has_value()) {
    CVG_ASSIGN_OR_RETURN(const Right right, FromLetter(*text));
    return std::optional<Right>(right);
  }
  if (folder != kRootInode) return std::optional<Right>();
  if (env_.options.root_admins.contains(who)) return std::optional<Right>(Right::kAdmin);
  return who == kEverybody ? std::optional<Right>(Right::kRead) : std::nullopt;
}

absl::StatusOr<Rights::Decision> Rights::Decide(Transaction& edit, const std::string& user,
                                                absl::Span<const uint64_t> folders) const {
  Decision everybodys;
  for (size_t i = folders.size(); i-- > 0;) {
    CVG_ASSIGN_OR_RETURN(const std::optional<Right> own, Entry(edit, folders[i], user));
    if (own.has_value()) return Decision{*own, false, i};
    if (everybodys.folder.has_value()) continue;
    CVG_ASSIGN_OR_RETURN(const std::optional<Right> all, Entry(edit, folders[i], kEverybody));
    if (all.has_value()) everybodys = {*all, true, i};
  }
  return everybodys;
}

absl::StatusOr<Right> Rights::Of(Transaction& edit, const std::string& user,
                                 absl::Span<const uint64_t> folders) const {
  CVG_ASSIGN_OR_RETURN(const Decision decision, Decide(edit, user, folders));
  return decision.right;
}

void Rights::Put(Transaction& edit, uint64_t folder, absl::string_view who, Right right) const {
  edit.PutText(keys::Permission(folder, who), std::string(1, Letter(right)));
}

void Rights::Remove(Transaction& edit, uint64_t folder, absl::string_view who) const {
  edit.Delete(keys::Permission(folder, who));
}

absl::StatusOr<std::vector<std::pair<std::string, Right>>> Rights::Entries(uint64_t folder) const {
  std::vector<std::pair<std::string, Right>> entries;
  const std::string prefix = keys::Permissions(folder);
  CVG_RETURN_IF_ERROR(env_.rows.ForEach(prefix, [&](const store::KeyValue& row) -> absl::Status {
    CVG_ASSIGN_OR_RETURN(const Right right, FromLetter(row.value));
    entries.emplace_back(row.key.substr(prefix.size()), right);
    return absl::OkStatus();
  }));
  return entries;
}

absl::StatusOr<bool> Rights::SomebodyIsAdmin(absl::Span<const uint64_t> folders,
                                             const std::string& who,
                                             std::optional<Right> right) const {
  std::set<std::string> decided;  // Users with an entry nearer to the folder.
  size_t entries_seen = 0;
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    if (entries_seen >= kEntriesSeenMax) break;
    CVG_ASSIGN_OR_RETURN(auto entries, Entries(*folder));
    entries_seen += entries.size();
    const bool is_changed_one = folder == folders.rbegin();
    if (is_changed_one && right.has_value()) entries.emplace_back(who, *right);
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      const bool is_void = is_changed_one && entry->first == who && !right.has_value();
      if (is_void || !decided.insert(entry->first).second) continue;
      if (entry->second == Right::kAdmin) return true;
    }
  }
  return false;
}

}  // namespace convergia::datamgr
