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

// Files of this machine, as transfers and commands read and write them. Each text of an error names
// the file.
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
  // False if what was written may be lost (errno).
  bool Close();

 private:
  int fd_ = -1;
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

// "cannot `what` PATH: No such file or directory", with the FailCode of `error`, an errno.
absl::Status LocalFail(int error, absl::string_view what, const std::filesystem::path& path);

// "a named pipe", "a device", ...
const char* KindOf(mode_t mode);

// Opens a regular file, through links. Errors: kNotAFile, saying what it is instead; kNotFound,
// kDenied.
absl::StatusOr<Descriptor> OpenRegular(const std::filesystem::path& path);

// Reads up to `bytes` from `offset` on; fewer only at the end. Errors: FailCode::kInternal.
absl::StatusOr<std::string> ReadPieceOf(int fd, uint64_t offset, uint64_t bytes);

// The same of what has no offset, such as a pipe: what comes next.
absl::StatusOr<std::string> ReadNextOf(int fd, uint64_t bytes);

struct ContentHash {
  uint64_t bytes = 0;
  std::string hash;  // As in common/base/tree_hash.h, hexadecimal.
};

// Of the whole file, read to its end.
absl::StatusOr<ContentHash> HashOf(int fd);

// Where a path leads: a file that is there or will be, or a stream that takes bytes as they come.
struct LocalTarget {
  std::filesystem::path path;        // Of the file itself, behind all links.
  int stream = -1;                   // An open descriptor of this process; or
  bool is_special = false;           // a device or a named pipe, to be opened.
  std::optional<struct stat> facts;  // Of a file that is there.

  bool is_stream() const { return stream >= 0 || is_special; }

  // "-" is standard output, and so is /dev/stdout. Links are followed, as cp does.
  //
  // Errors: kNotAFile (a folder, a socket), kNotFound (a link to nothing), kDenied.
  static absl::StatusOr<LocalTarget> Find(const std::string& path);
};

// What is written to a LocalTarget. A file is written under a name of its own beside the target and
// takes its place in one step, whole; until then the target stays as it is. Bytes for a stream go
// there at once. What is not committed is removed, also when a signal ends the program. Used by one
// thread.
class LocalOutput {
 public:
  // With `content`, which names a content, what an earlier LocalOutput for the same target and
  // content has left is gone on with, and what this one leaves stays for the next. No two that are
  // open at once share it.
  static absl::StatusOr<std::unique_ptr<LocalOutput>> Open(const LocalTarget& target,
                                                           absl::string_view content = "");
  ~LocalOutput();
  LocalOutput(const LocalOutput&) = delete;
  LocalOutput& operator=(const LocalOutput&) = delete;

  bool is_stream() const { return target_.is_stream(); }
  uint64_t bytes() const { return bytes_; }  // Written until now, by earlier ones too.
  int fd() const { return fd_.get(); }       // Of a file: for reading what was written.

  // Appends. A stream that nobody reads any more ends the program, as it ends cat.
  absl::Status Write(absl::string_view bytes);
  // Cuts a file to `bytes`.
  absl::Status CutTo(uint64_t bytes);
  // Puts it in its place, with that time if there is one. `sync`: also after a power cut.
  absl::Status Commit(std::optional<absl::Time> changed, bool sync);

 private:
  explicit LocalOutput(const LocalTarget& target) : target_(target) {}
  absl::Status OpenStream();
  absl::Status OpenNew();
  bool OpenKept(absl::string_view content);
  void RemoveOtherParts() const;

  const LocalTarget target_;
  Descriptor fd_;
  std::filesystem::path part_;
  std::string kept_prefix_;  // Of the names of parts of this target; empty: `part_` is not kept.
  int slot_ = -1;
  uint64_t bytes_ = 0;
  bool is_done_ = false;
};

// Ends the program as SIGPIPE does.
[[noreturn]] void EndByBrokenPipe();

// A name beside `name` that no other file has.
std::string RandomPartName();
// A name for a part of `whose` (a file in its folder) of the content `what`, and what all names of
// parts of `whose` begin with.
std::string KeptPartPrefix(absl::string_view whose);
std::string KeptPartName(absl::string_view whose, absl::string_view what);

}  // namespace convergia::client
