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
#include "datamgr/catalog/transactions/catalog_env.h"

namespace convergia::datamgr {

// Each right includes the ones before it.
enum class Right { kNone, kRead, kWrite, kAdmin };

// The word of the protocol for a right: "none", "read", "write", "admin"; and the right for a word.
absl::string_view RightWord(Right right);
std::optional<Right> RightFromWord(absl::string_view word);

// All users, as the second field of SETPERMISSIONS.
inline constexpr absl::string_view kEverybody = "*";

// The most entries of one folder. To give more people rights, use a second folder.
inline constexpr int kPermissionsPerFolderMax = 1'000;

// The rights of users in folders:
//
//   for user u on folder F, from F up to "/": the first folder with an entry for u decides; else
//   the first with an entry for "*"; else none.
//
// Without entries of its own "/" has `* read`, and `admin` for CatalogOptions::root_admins.
//
// A folder is given as the way to it: the inodes from the root to F. Not thread-safe.
class Rights {
 public:
  explicit Rights(CatalogEnv* env) : env_(*env) {}

  // The right of `user` on the last of `folders`.
  absl::StatusOr<Right> Of(Transaction& edit, const std::string& user,
                           absl::Span<const uint64_t> folders) const;

  // The same, with the entry that decides.
  struct Decision {
    Right right = Right::kNone;
    bool is_everybodys = false;    // The entry is that of "*".
    std::optional<size_t> folder;  // Its index in `folders`; nullopt: there is no entry.
  };
  absl::StatusOr<Decision> Decide(Transaction& edit, const std::string& user,
                                  absl::Span<const uint64_t> folders) const;

  // The entry of `who` (a username or "*") in `folder` itself.
  absl::StatusOr<std::optional<Right>> Entry(Transaction& edit, uint64_t folder,
                                             absl::string_view who) const;
  // Sets or removes that entry.
  void Put(Transaction& edit, uint64_t folder, absl::string_view who, Right right) const;
  void Remove(Transaction& edit, uint64_t folder, absl::string_view who) const;

  // All committed entries of `folder` itself.
  absl::StatusOr<std::vector<std::pair<std::string, Right>>> Entries(uint64_t folder) const;

  // Whether a user would have admin on the last of `folders` if the entry of `who` there became
  // `right` (nullopt: no entry). CatalogOptions::root_admins do not count. The search goes up from
  // the last folder and stops after about a thousand entries.
  absl::StatusOr<bool> SomebodyIsAdmin(absl::Span<const uint64_t> folders, const std::string& who,
                                       std::optional<Right> right) const;

 private:
  CatalogEnv& env_;
};

}  // namespace convergia::datamgr
