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
#include "client/disk/local_file.h"
#include "client/files/storage.h"
#include "common/base/clock.h"

// Sends and fetches whole files. An interrupted transfer continues where it stopped.
namespace convergia::client {

// Told of the progress of a transfer, for a progress bar. Called on the transfer's thread.
class TransferObserver {
 public:
  virtual ~TransferObserver() = default;
  // `bytes` further bytes must be transferred. OnBytes() is called for those that were, and
  // OnThere() for those that turned out to be there already.
  virtual void OnExpected(uint64_t bytes) {}
  virtual void OnBytes(uint64_t bytes) {}
  virtual void OnThere(uint64_t bytes) {}
  // A file is complete. `moved` is false if the same content was there already.
  virtual void OnFile(absl::string_view name, bool moved) {}
  // The transfer continues after a pause, or without the file `name`.
  virtual void OnTrouble(absl::string_view name, const absl::Status& why) {}
  // It failed, and is tried again.
  virtual void OnRetry(absl::string_view name, const absl::Status& why) {}
};

struct TransferOptions {
  size_t pieces_at_once = 4;     // Of kPieceBytesMax: fills 100 ms at 300 Mbit/s.
  size_t requests_at_once = 60;  // Of small files; the server takes 64.
  // A transfer that cannot reach the server gives up after this time without progress.
  absl::Duration patience = absl::Seconds(60);
  // Waits between two tries. Tests replace it.
  std::function<void(absl::Duration)> pause;
  // A name for the cluster, for example the fingerprint of its certificate authority. What one
  // cluster has left on this machine is not continued with the bytes of another.
  std::string cluster;
  const Clock* clock = &RealClock::Get();  // The clock that local files get their times from.
};

// Moves single files. Used by one thread; the requester and observer must outlive it.
//
// Two files are the same if their contents are. The server's hash decides, or else a comparison of
// all bytes. Sizes and times only save the comparison of files that must differ.
class Transfer {
 public:
  Transfer(Requester* requester, TransferOptions options, TransferObserver* observer);

  // Stores the file `local` as `remote`, whole or not at all. The bytes gather in a part, which
  // replaces `remote` in one step. The part belongs to this content of this file, so the same Put()
  // later continues it. Two that run at once never share one. Parts of older contents are removed.
  // If `remote` has the content already, it stays.
  //
  // Errors: those of Storage; FailCode::kNotFound and kNotAFile for `local`; kBusy if `local`
  // changes during the transfer.
  absl::Status Put(const std::filesystem::path& local, const std::string& remote);

  // Stores all bytes of `fd`, which may be a pipe, as `remote`. It cannot continue an earlier call.
  // A part that a broken-off one left is removed by the next Put() or PutStream() to `remote`.
  absl::Status PutStream(int fd, const std::string& remote);

  // Fetches `remote` to `local`, a path for LocalTarget::Find(), in the same way. A file gets the
  // time of `remote`. If `remote` changes during the transfer, Get() starts again.
  //
  // Errors: those of Storage and LocalOutput; kBusy if `remote` changes again and again, or if it
  // changes after bytes of it went to a stream.
  absl::Status Get(const std::string& remote, const std::string& local);

  // Whether the local file `fd` has the content of `remote` that `info` describes. False if
  // `remote` changes meanwhile.
  absl::StatusOr<bool> HasContent(const std::string& remote, const StoredInfo& info, int fd);

  // Repeats `attempt`, with pauses, while its error MayPassLater(). Gives up after options.patience
  // without progress. Returns the last result.
  absl::Status Persist(absl::string_view name, const std::function<absl::Status()>& attempt);

  Storage& storage() { return storage_; }
  Requester* requester() const { return requester_; }
  const TransferOptions& options() const { return options_; }
  TransferObserver& observer() { return *observer_; }
  // To be called on progress: the time of options.patience starts again. `moved` is false for bytes
  // that were there already.
  void OnProgress(uint64_t bytes, bool moved);

 private:
  struct LocalFile;
  struct Part;

  // To be called for each file: progress is counted from here.
  void BeginFile(uint64_t bytes);
  // The current file has reached `position`, perhaps not for the first time. `moved`: as in
  // OnProgress().
  void OnReached(uint64_t position, bool moved);

  // Sets `*there` to the bytes of `remote` if it has the content already.
  absl::Status PutOnce(const LocalFile& file, const std::string& remote, Part* part,
                       std::optional<uint64_t>* there);
  absl::Status PutPieces(const LocalFile& file, Part* part);
  absl::Status MovePart(const std::string& part, const std::string& remote);
  // Sends all bytes of `fd` to the new part `part`, which then becomes `remote`.
  absl::Status SendStream(int fd, const std::string& part, const std::string& remote);
  void RemoveParts(const std::string& folder, const std::string& prefix, const std::string& own);

  absl::StatusOr<bool> HasLocal(const std::string& remote, const StoredInfo& info,
                                const LocalTarget& target);
  absl::Status GetOnce(const std::string& remote, const StoredInfo& info,
                       const LocalTarget& target);
  absl::Status GetPieces(const std::string& remote, const StoredInfo& info, LocalOutput& output);

  Requester* const requester_;
  Storage storage_;
  const TransferOptions options_;
  TransferObserver* const observer_;
  uint64_t moved_ = 0;     // Bytes in all.
  uint64_t expected_ = 0;  // Bytes of the current file that the observer expects.
  uint64_t counted_ = 0;   // Bytes of the current file that the observer was told of.
  // Set if a request failed because another program replaced or moved the file.
  bool version_is_gone_ = false;
  bool part_is_gone_ = false;
};

// The path of `name` in the folder `folder`.
std::string JoinPath(absl::string_view folder, absl::string_view name);

// The folder of a path, "" for one in "/", and the name in it.
std::pair<std::string, std::string> SplitPath(absl::string_view path);

// `status` with the name in front of its text, unless the text has it already.
absl::Status About(absl::string_view name, const absl::Status& status);

}  // namespace convergia::client
