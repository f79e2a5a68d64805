#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "client/disk/created_names.h"
#include "client/files/transfer.h"

namespace convergia::client {

struct TreeOptions {
  // Put() stores the files and folders that links lead to. A link to a folder above it is left out.
  bool follow_links = false;
  // Files of these names are left out, and those that are copied are added. Null: there are none.
  // It must outlive the transfer.
  CreatedNames* created = nullptr;
};

// Sends and fetches folders with all their content: large files one after the other, many small
// ones at once. Files with the same content on both sides stay (see Transfer), so the same call
// continues an earlier one. Pipes and devices are reported to the observer and left out, and so are
// symbolic links, unless Put() is to follow them.
//
// A file that fails is reported to the observer, and the transfer continues; at the end the error
// has their number and names the first. If the server stays away, or there is no room on either
// side, the transfer ends at once with an error that names the file. Used by one thread.
class TreeTransfer {
 public:
  explicit TreeTransfer(Transfer* transfer, TreeOptions options = {})
      : transfer_(*transfer), options_(options) {}

  absl::Status Put(const std::filesystem::path& local, const std::string& remote);
  absl::Status Get(const std::string& remote, const std::filesystem::path& local);

  uint64_t failed() const { return failed_; }

 private:
  struct Small {
    std::filesystem::path local;
    std::string remote;
    LocalFacts facts;     // Put: of the local file. Get: the size and time that it will get.
    std::string created;  // Its name in options_.created.
  };
  using Listing = absl::flat_hash_map<std::string, StoredEntry>;
  using Entries = std::vector<std::filesystem::directory_entry>;

  absl::Status PutFolder(const std::filesystem::path& local, const std::string& remote);
  absl::Status PutEntries(const std::filesystem::path& local, const std::string& remote,
                          const Listing& there);
  absl::StatusOr<Listing> OpenRemote(const std::string& remote);
  // The file at `path`, to be put into `folder`. Errors: why it is left out.
  absl::StatusOr<Small> FileToPut(const std::filesystem::path& path,
                                  const std::string& folder) const;
  // Errors: kBadField if options_.created has the name.
  absl::Status CheckNotCreated(const std::string& name) const;
  // Puts the files of one folder, without its folders.
  absl::Status PutFiles(const Entries& entries, const std::string& folder, const Listing& there);
  absl::Status PutSmall(const std::vector<Small>& files);
  absl::Status GetFolder(const std::string& remote, const std::filesystem::path& local);
  absl::Status GetSmall(const std::vector<Small>& files);
  absl::Status GetOne(const Small& file);
  // Reports files whose stored hash is that of the local file to the observer, and calls `other`
  // for each other file.
  absl::Status LeaveSame(const std::vector<Small>& files,
                         const std::function<absl::Status(const Small&)>& other);
  absl::Status PutOne(const Small& file);
  // `bytes`: those of the content. `moved`: as in TransferObserver::OnFile().
  void OnDone(const Small& file, uint64_t bytes, bool moved);
  void AddCreated(const Small& file);
  // OK if the transfer continues; else the error that ends it.
  absl::Status Judge(const std::string& name, const absl::Status& status);
  absl::Status Verdict() const;

  Transfer& transfer_;
  const TreeOptions options_;
  // The local folders from the top to the current one. Only used to follow links.
  std::vector<std::pair<dev_t, ino_t>> above_;
  uint64_t failed_ = 0;
  absl::Status first_failure_;  // Its text names the file.
};

}  // namespace convergia::client
