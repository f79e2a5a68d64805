#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "datamgr/catalog/catalog_env.h"

namespace convergia::datamgr {

// Each holds the ones before it.
enum class Right { kNone, kRead, kWrite, kAdmin };

absl::string_view RightWord(Right right);
std::optional<Right> RightFromWord(absl::string_view word);

// Everybody, as the second field of SETPERMISSIONS.
inline constexpr absl::string_view kEverybody = "*";

// A folder remembers at most so many people; who needs more gives them a folder of their own.
inline constexpr int kPermissionsPerFolderMax = 1'000;

// Who may do what in which folder:
//
//   for user u on folder F, from F up to "/": the first folder with an entry for u decides; else
//   the first with an entry for "*"; else none.
//
// Without entries of its own "/" has `* read`, and `admin` for CatalogOptions::root_admins.
//
// Folders are given as the way to them: inodes from the root to F. Not thread-safe.
class Rights {
 public:
  explicit Rights(CatalogEnv* env) : env_(*env) {}

  absl::StatusOr<Right> Of(Transaction& edit, const std::string& user,
                           absl::Span<const uint64_t> folders) const;

  // The same, and which entry says so.
  struct Decision {
    Right right = Right::kNone;
    bool is_everybodys = false;    // The entry of "*".
    std::optional<size_t> folder;  // Which of `folders` has it; nothing: there is no entry.
  };
  absl::StatusOr<Decision> Decide(Transaction& edit, const std::string& user,
                                  absl::Span<const uint64_t> folders) const;

  // The entry of `who` (a username or "*") in `folder` itself.
  absl::StatusOr<std::optional<Right>> Entry(Transaction& edit, uint64_t folder,
                                             absl::string_view who) const;
  void Put(Transaction& edit, uint64_t folder, absl::string_view who, Right right) const;
  void Remove(Transaction& edit, uint64_t folder, absl::string_view who) const;

  // All entries of `folder` itself, as they are committed.
  absl::StatusOr<std::vector<std::pair<std::string, Right>>> Entries(uint64_t folder) const;

  // Whether somebody would have admin on the last of `folders` if `who` had `right` (nothing: no
  // entry) there. Whom the operator made admin of "/" does not count; nor do entries beyond some
  // thousands, from the last folder up.
  absl::StatusOr<bool> SomebodyIsAdmin(absl::Span<const uint64_t> folders, const std::string& who,
                                       std::optional<Right> right) const;

 private:
  CatalogEnv& env_;
};

}  // namespace convergia::datamgr
