#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "client/files/transfer.h"

namespace convergia::client {

// Moves folders with all that is in them: large files one after the other, small ones many at once.
// What is there already (see Transfer) is left alone, so the same call goes on where an earlier one
// ended. Symbolic links and devices are told to the observer and left out.
//
// A file that cannot be moved is told to the observer and the rest goes on; the first such error is
// returned at the end. When the way to the server stays closed, it ends at once. Used by one
// thread.
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
    LocalFacts facts;  // Put: of the local file. Get: size and time that it will have.
  };
  using Listing = absl::flat_hash_map<std::string, StoredEntry>;

  absl::Status PutFolder(const std::filesystem::path& local, const std::string& remote);
  absl::StatusOr<Listing> OpenRemote(const std::string& remote);
  // One entry of a local folder that is no folder, into the remote `folder`.
  absl::Status PutEntry(const std::filesystem::directory_entry& entry, const std::string& folder,
                        const Listing& there, std::vector<Small>* small);
  absl::Status PutSmall(const std::vector<Small>& files);
  absl::Status GetFolder(const std::string& remote, const std::filesystem::path& local);
  absl::Status GetSmall(const std::vector<Small>& files);
  // OK to go on.
  absl::Status Judge(const std::string& name, const absl::Status& status);

  Transfer& transfer_;
  uint64_t failed_ = 0;
  absl::Status first_failure_;
};

}  // namespace convergia::client
