#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/connect/requester.h"
#include "client/files/local_file.h"
#include "client/files/storage.h"
#include "common/base/clock.h"

// Whole files, there and back, so that what was broken off goes on where it was.
namespace convergia::client {

// What happens to a transfer, for a progress bar. Called on the transfer's thread.
class TransferObserver {
 public:
  virtual ~TransferObserver() = default;
  // `bytes` more of what is to be moved are known of; of them, those that need not be moved are
  // told to OnBytes() too.
  virtual void OnExpected(uint64_t bytes) {}
  virtual void OnBytes(uint64_t bytes) {}
  // A file is done; `moved` false: it was there already, whole and unchanged.
  virtual void OnFile(absl::string_view name, bool moved) {}
  // Something goes on after a pause, or without a file that cannot be had.
  virtual void OnTrouble(absl::string_view name, const absl::Status& why) {}
  // It failed, and is tried again.
  virtual void OnRetry(absl::string_view name, const absl::Status& why) {}
};

struct TransferOptions {
  size_t pieces_at_once = 4;     // Of kPieceBytesMax: fills 100 ms at 300 Mbit/s.
  size_t requests_at_once = 60;  // Of small files; the server takes 64.
  // Without any progress for so long, a transfer whose way is closed gives up.
  absl::Duration patience = absl::Seconds(60);
  // Waits: between tries. Tests need not.
  std::function<void(absl::Duration)> pause;
  const Clock* clock = &RealClock::Get();  // The one by which local files get their times.
};

// Moves single files. Used by one thread; the requester and observer must outlive it.
//
// Two files are the same if their contents are: by the hash that the server knows, else byte by
// byte. Sizes and times only save the look at what cannot be the same.
class Transfer {
 public:
  Transfer(Requester* requester, TransferOptions options, TransferObserver* observer);

  // Stores the file `local` as `remote`, whole or not at all: what arrives gathers in a part, which
  // takes the place of `remote` in one step. The part belongs to this very file, so that the same
  // Put() later goes on with it; no two that run at once share one. Parts of what the file was
  // before are removed. If `remote` has the content already it is left.
  //
  // Errors: those of Storage; FailCode::kNotFound, kNotAFile for `local`; kBusy if `local` changes
  // meanwhile.
  absl::Status Put(const std::filesystem::path& local, const std::string& remote);

  // Stores all that can be read from `fd`, which may be a pipe, as `remote`.
  absl::Status PutStream(int fd, const std::string& remote);

  // Brings `remote` as `local`, which is as LocalTarget::Find() takes it, in the same way. A file
  // gets the time of `remote`. What changes meanwhile is begun again.
  //
  // Errors: those of Storage and LocalOutput; kBusy if `remote` changes again and again, or once a
  // part of it has gone to a stream.
  absl::Status Get(const std::string& remote, const std::string& local);

  // Whether the local file `fd` has the content of `remote`, of which `info` tells. False if that
  // changes meanwhile.
  absl::StatusOr<bool> HasContent(const std::string& remote, const StoredInfo& info, int fd);

  // Runs `attempt` until it is OK or will not be, pausing while it MayPassLater() and until nothing
  // has moved for options.patience.
  absl::Status Persist(absl::string_view name, const std::function<absl::Status()>& attempt);

  Storage& storage() { return storage_; }
  Requester* requester() const { return requester_; }
  const TransferOptions& options() const { return options_; }
  TransferObserver& observer() { return *observer_; }
  // To be called when something has moved: patience begins anew.
  void OnProgress(uint64_t bytes);

 private:
  struct LocalFile;
  struct Part;

  // To be called for each file: progress counts from here.
  void BeginFile(uint64_t bytes);
  // The file under way has come to `position`, perhaps not for the first time.
  void OnReached(uint64_t position);

  absl::Status PutOnce(const LocalFile& file, const std::string& remote, Part* part,
                       bool* is_there);
  absl::Status PutPieces(const LocalFile& file, Part* part);
  absl::Status MovePart(const std::string& part, const std::string& remote);
  void RemoveOtherParts(const Part& part);

  absl::StatusOr<bool> HasLocal(const std::string& remote, const StoredInfo& info,
                                const LocalTarget& target);
  absl::Status GetOnce(const std::string& remote, const StoredInfo& info,
                       const LocalTarget& target);
  absl::Status GetPieces(const std::string& remote, const StoredInfo& info, LocalOutput& output);

  Requester* const requester_;
  Storage storage_;
  const TransferOptions options_;
  TransferObserver* const observer_;
  uint64_t moved_ = 0;    // Bytes, ever.
  uint64_t counted_ = 0;  // Of the file under way, told to the observer.
  // Set where a request failed because what it is for was replaced or moved by another program.
  bool version_is_gone_ = false;
  bool part_is_gone_ = false;
};

// The path of `name` in the folder `folder`.
std::string JoinPath(absl::string_view folder, absl::string_view name);

// The folder of a path, "" for one in "/", and the name in it.
std::pair<std::string, std::string> SplitPath(absl::string_view path);

// `status` with the name in its text, which then says it once.
absl::Status About(absl::string_view name, const absl::Status& status);

}  // namespace convergia::client
