#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

// A disk with explicit durability. One implementation is the machine's; one is for tests and loses
// all bytes that were not synced (faulty_disk.h).
//
// Errors of all functions:
//   kNotFound, kAlreadyExists      the path.
//   FailCode::kNoSpace             the disk is full. Nothing else is wrong with it.
//   kUnavailable                   everything else; a text that names path and cause.
namespace convergia::disk {

// An open file. Appends and truncations by one thread at a time; reads by any, also beside an
// append.
class File {
 public:
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual ~File() = default;

  // Appends `pieces`, one after the other: visible at once, durable after Sync(). After an error
  // any part of them may be in the file.
  virtual absl::Status Append(absl::Span<const absl::string_view> pieces) = 0;

  // Fills `into` from `offset`. Returns how many bytes there were, fewer only at the end of file.
  virtual absl::StatusOr<size_t> ReadAt(uint64_t offset, absl::Span<char> into) const = 0;

  // Makes contents and size durable; SyncFolder() does it for the name. After an error it is
  // unknown which bytes are durable: a second Sync() may succeed without writing them.
  virtual absl::Status Sync() = 0;

  // Cuts the file to `bytes`, no more than it has.
  virtual absl::Status Truncate(uint64_t bytes) = 0;

  // Makes the file `bytes` long, of zeros that take room on the disk.
  virtual absl::Status Allocate(uint64_t bytes) = 0;

  virtual absl::StatusOr<uint64_t> Size() const = 0;

  // Asks the system to forget what it keeps in memory of this range and has written out, so that
  // the next read sees the medium. A hint.
  virtual void DropCache(uint64_t offset, uint64_t bytes) const {}
};

// A lock that is held while the object lives. The system releases it when the process ends.
class Lock {
 public:
  virtual ~Lock() = default;
};

struct FileFacts {
  uint64_t bytes = 0;
  bool is_folder = false;
  absl::Time modified;
};

struct Space {
  uint64_t total_bytes = 0;
  uint64_t free_bytes = 0;
};

enum class OpenMode {
  kRead,         // Must be there.
  kReadAppend,   // Must be there.
  kCreate,       // Must not be there.
  kCreateEmpty,  // Made, or emptied if it is there.
};

// Thread-safe. Paths are the system's; missing folders are not made.
class Disk {
 public:
  virtual ~Disk() = default;

  virtual absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) = 0;

  // Replaces `to`, in one step. Durable after SyncFolder().
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  // A file, or an empty folder. Durable after SyncFolder().
  virtual absl::Status Remove(const std::string& path) = 0;
  // Readable by its owner only. OK if it is there.
  virtual absl::Status MakeFolder(const std::string& path) = 0;
  // Makes durable which names are in `path`.
  virtual absl::Status SyncFolder(const std::string& path) = 0;

  // Names in `path`, sorted, without "." and "..".
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& path) = 0;
  virtual absl::StatusOr<FileFacts> Inspect(const std::string& path) = 0;
  // The space of the file system of `path` that this user may use.
  virtual absl::StatusOr<Space> FreeSpace(const std::string& path) = 0;

  // Locks the file at `path`, and makes it if it is missing, against this and all other processes.
  //
  // Errors: kFailedPrecondition if it is locked.
  virtual absl::StatusOr<std::unique_ptr<Lock>> TakeLock(const std::string& path) = 0;
};

// Whether `status` says that the disk is full.
bool IsNoSpace(const absl::Status& status);

// All of `length` bytes at `offset`. Errors: kOutOfRange if the file ends before.
absl::Status ReadFully(const File& file, uint64_t offset, absl::Span<char> into);

// The whole file. Errors: kOutOfRange if it has more than `bytes_max`.
absl::StatusOr<std::string> ReadFile(Disk& disk, const std::string& path, size_t bytes_max);

// Replaces the content of `path` in one durable step.
absl::Status WriteFileAtomically(Disk& disk, const std::string& path, absl::string_view contents);

// Removes `path` and all below it, if it is there.
absl::Status RemoveTree(Disk& disk, const std::string& path);

// "/a/b" -> "/a"; "b" -> ".".
std::string FolderOf(absl::string_view path);

}  // namespace convergia::disk
