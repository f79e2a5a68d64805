#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "client/files/transfer.h"

namespace convergia::client {

// Sends and fetches folders with all their content: large files one after the other, many small
// ones at once. Files with the same content on both sides stay (see Transfer), so the same call
// continues an earlier one. Symbolic links, pipes and devices are reported to the observer and left
// out.
//
// A file that fails is reported to the observer, and the transfer continues; at the end the error
// has their number and names the first. If the server stays away, or there is no room on either
// side, the transfer ends at once with an error that names the file. Used by one thread.
class TreeTransfer {
 public:
  explicit TreeTransfer(Transfer* transfer) : transfer_(*transfer) {}

  absl::Status Put(const std::filesystem::path& local, const std::string& remote);
  absl::Status Get(const std::string& remote, const std::filesystem::path& local);

  uint64_t failed() const { return failed_; }

 private:
  struct Small {
    std::filesystem::path local;
    std::string remote;
    LocalFacts facts;  // Put: of the local file. Get: the size and time that it will get.
  };
  using Listing = absl::flat_hash_map<std::string, StoredEntry>;
  using Entries = std::vector<std::filesystem::directory_entry>;

  absl::Status PutFolder(const std::filesystem::path& local, const std::string& remote);
  absl::StatusOr<Listing> OpenRemote(const std::string& remote);
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
  void OnDone(const Small& file, bool moved);
  // OK if the transfer continues; else the error that ends it.
  absl::Status Judge(const std::string& name, const absl::Status& status);
  absl::Status Verdict() const;

  Transfer& transfer_;
  uint64_t failed_ = 0;
  absl::Status first_failure_;  // Its text names the file.
};

}  // namespace convergia::client
