#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// Files of this machine, as transfers and commands read and write them. The text of each error
// names the file.
namespace convergia::client {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { Close(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) Close();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }

  int get() const { return fd_; }
  // False if written bytes may be lost; errno has the reason.
  bool Close();

 private:
  int fd_ = -1;
};

// Distinguishes one content of a local file from another. A file that was changed or replaced has a
// later `status_changed`: no program can set that time. A program can set `changed`.
struct LocalFacts {
  uint64_t bytes = 0;
  absl::Time changed;
  absl::Time status_changed;

  static LocalFacts Of(const struct stat& facts);
  friend bool operator==(const LocalFacts&, const LocalFacts&) = default;
};

// An error with the text "cannot `what` PATH: No such file or directory" and the FailCode of
// `error`, an errno.
absl::Status LocalFail(int error, absl::string_view what, const std::filesystem::path& path);

// "a named pipe", "a device", ...
const char* KindOf(mode_t mode);

// Opens a regular file; follows links. Errors: kNotAFile, with a text that names the kind of the
// file; kNotFound, kDenied.
absl::StatusOr<Descriptor> OpenRegular(const std::filesystem::path& path);

// Reads `bytes` bytes from `offset`; fewer only at the end of the file. Errors:
// FailCode::kInternal.
absl::StatusOr<std::string> ReadPieceOf(int fd, uint64_t offset, uint64_t bytes);

// Reads the next `bytes` bytes of a file without offsets, for example a pipe. Errors: as
// ReadPieceOf().
absl::StatusOr<std::string> ReadNextOf(int fd, uint64_t bytes);

// Whether a file of this name is the part of a transfer, under way or broken off.
bool IsPartName(absl::string_view name);

struct ContentHash {
  uint64_t bytes = 0;
  std::string hash;  // As in common/base/hash/tree_hash.h, hexadecimal.
};

// The hash of the whole file, which is read to its end.
absl::StatusOr<ContentHash> HashOf(int fd);

// Where a path leads: a file that exists or will be made, or a stream that takes bytes at once.
struct LocalTarget {
  std::filesystem::path path;        // Of the file itself, after all links.
  int stream = -1;                   // An open descriptor of this process; or
  bool is_special = false;           // a device or a named pipe to open.
  std::optional<struct stat> facts;  // Of a file that exists.

  bool is_stream() const { return stream >= 0 || is_special; }

  // "-" and /dev/stdout are standard output. Links are followed, as cp does.
  //
  // Errors: kNotAFile (a folder, a socket), kNotFound (a link to nothing), kDenied.
  static absl::StatusOr<LocalTarget> Find(const std::string& path);
};

// Writes to a LocalTarget. The bytes of a file gather in a new file beside the target, which
// replaces the target in one step; until then the target does not change. Bytes for a stream go
// there at once. An output that is not committed is removed, also if a signal ends the program.
// Until it is committed, only its owner can read the new file. Used by one thread.
class LocalOutput {
 public:
  // `content` is a name for the bytes. With it, the output continues what an earlier LocalOutput
  // for the same target and content has left, and an unfinished one stays for the next, unless the
  // disk is full. Two open outputs never share one file.
  static absl::StatusOr<std::unique_ptr<LocalOutput>> Open(const LocalTarget& target,
                                                           absl::string_view content = "");
  ~LocalOutput();
  LocalOutput(const LocalOutput&) = delete;
  LocalOutput& operator=(const LocalOutput&) = delete;

  bool is_stream() const { return target_.is_stream(); }
  uint64_t bytes() const { return bytes_; }  // Written until now, also by earlier outputs.
  int fd() const { return fd_.get(); }       // Of a file: to read the written bytes.

  // Appends. A stream without a reader ends the program, as it ends cat.
  absl::Status Write(absl::string_view bytes);
  // Cuts a file to `bytes`.
  absl::Status CutTo(uint64_t bytes);
  // Replaces the target, and sets the time `changed` if there is one. The target's permissions
  // stay; a new file gets those of the umask. `sync`: the file survives a power cut.
  absl::Status Commit(std::optional<absl::Time> changed, bool sync);

 private:
  explicit LocalOutput(const LocalTarget& target) : target_(target) {}
  absl::Status OpenStream();
  absl::Status OpenNew();
  bool OpenKept(absl::string_view content);
  void RemoveOtherParts() const;
  // The error of a write, from an errno.
  absl::Status WriteFail(int error);

  const LocalTarget target_;
  Descriptor fd_;
  std::filesystem::path part_;
  std::string kept_prefix_;  // Of the names of this target's parts; empty if `part_` is not kept.
  int slot_ = -1;
  uint64_t bytes_ = 0;
  bool has_room_ = true;  // False after the disk was full.
  bool is_done_ = false;
};

// Ends the program as SIGPIPE does.
[[noreturn]] void EndByBrokenPipe();

// A random name for a part: no other file has it.
std::string RandomPartName();
// The name of a part of the file `whose` with the content `what`, and the prefix of the names of
// all parts of `whose`.
std::string KeptPartPrefix(absl::string_view whose);
std::string KeptPartName(absl::string_view whose, absl::string_view what);
// A name with that prefix that no other part has.
std::string RandomKeptPartName(absl::string_view prefix);

}  // namespace convergia::client
