#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/connect/requester.h"
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

// What tells one content of a local file from another. A file whose bytes have been changed, or
// that has been put in the place of another, has a later `status_changed`, whatever time it claims:
// no program can set that one.
struct LocalFacts {
  uint64_t bytes = 0;
  absl::Time changed;
  absl::Time status_changed;

  static LocalFacts Of(const struct stat& facts);
  friend bool operator==(const LocalFacts&, const LocalFacts&) = default;
};

// Moves single files. Used by one thread; the requester and observer must outlive it.
class Transfer {
 public:
  Transfer(Requester* requester, TransferOptions options, TransferObserver* observer);

  // Stores the file `local` as `remote`, whole or not at all: what arrives gathers under a name of
  // its own beside it, which belongs to this very content (name, size and times of the local file),
  // so the same Put() later goes on. If `remote` exists already it is replaced, or left if
  // HasSame() says so.
  //
  // Errors: those of Storage; FailCode::kNotFound, kNotAFile for `local`; kBusy if `local` changes
  // meanwhile.
  absl::Status Put(const std::filesystem::path& local, const std::string& remote);

  // Brings `remote` as `local`, in the same way; `local` gets the time of `remote`, by which the
  // next Get() knows it.
  absl::Status Get(const std::string& remote, const std::filesystem::path& local);

  // Whether a file in `folder` of the server, of `bytes` and last written at `written`, can only be
  // what the local file is: as large, and written after anything was done to that, also where the
  // server's clock goes wrong. In doubt it is not.
  //
  // Errors: those that MayPassLater().
  absl::StatusOr<bool> HasSame(absl::string_view folder, uint64_t bytes, absl::Time written,
                               const LocalFacts& local);

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

  // How far the server's clock is ahead of ours, at most; nullopt if that cannot be known.
  absl::StatusOr<std::optional<absl::Duration>> ServerAhead(absl::string_view folder);
  absl::Status PutWhole(const LocalFile& file, const std::string& remote, bool exists);
  absl::Status PutPieces(const LocalFile& file, const std::string& part);
  absl::Status Replace(const std::string& part, const std::string& remote);
  absl::Status GetPieces(const std::string& remote, uint64_t bytes, int fd);

  Requester* const requester_;
  Storage storage_;
  const TransferOptions options_;
  TransferObserver* const observer_;
  uint64_t moved_ = 0;    // Bytes, ever.
  uint64_t counted_ = 0;  // Of the file under way, told to the observer.
  std::optional<std::optional<absl::Duration>> server_ahead_;  // Once it was asked for.
};

// The path of `name` in the folder `folder`.
std::string JoinPath(absl::string_view folder, absl::string_view name);

// Whether `name` is that of a file that is still being transferred.
bool IsPartName(absl::string_view name);

// Reads up to `bytes` from `offset` on. Errors: FailCode::kInternal.
absl::StatusOr<std::string> ReadPieceOf(int fd, uint64_t offset, uint64_t bytes);

}  // namespace convergia::client
