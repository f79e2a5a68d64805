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

// Moves folders with all that is in them: large files one after the other, small ones many at once.
// What is there already (see Transfer) is left alone, so the same call goes on where an earlier one
// ended. Symbolic links, pipes and devices are told to the observer and left out.
//
// A file that cannot be moved is told to the observer and the rest goes on; at the end the error
// says how many there were, and names the first. When the way to the server stays closed, or there
// is no room, here or there, it ends at once, with an error that names the file. Used by one
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
  using Entries = std::vector<std::filesystem::directory_entry>;

  absl::Status PutFolder(const std::filesystem::path& local, const std::string& remote);
  absl::StatusOr<Listing> OpenRemote(const std::string& remote);
  // The files of one folder, which are not folders themselves.
  absl::Status PutFiles(const Entries& entries, const std::string& folder, const Listing& there);
  absl::Status PutSmall(const std::vector<Small>& files);
  absl::Status GetFolder(const std::string& remote, const std::filesystem::path& local);
  absl::Status GetSmall(const std::vector<Small>& files);
  absl::Status GetOne(const Small& file);
  // Tells the observer of those whose stored content is that of the local file by its hash, and
  // hands the others to `other`.
  absl::Status LeaveSame(const std::vector<Small>& files,
                         const std::function<absl::Status(const Small&)>& other);
  absl::Status PutOne(const Small& file);
  void OnDone(const Small& file, bool moved);
  // OK to go on.
  absl::Status Judge(const std::string& name, const absl::Status& status);
  absl::Status Verdict() const;

  Transfer& transfer_;
  uint64_t failed_ = 0;
  absl::Status first_failure_;  // With its name.
};

}  // namespace convergia::client
