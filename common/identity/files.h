#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Reads and writes small files atomically: keys, certificates, tokens.
namespace convergia::identity {

inline constexpr mode_t kSecretFileMode = 0600;
inline constexpr mode_t kPublicFileMode = 0644;

// Replaces the content of `path` in one step: a reader sees the old or the new content, also after
// a power cut (fsync of file and folder). The new file has `mode` from the start.
//
// Errors: the canonical code of errno, with the path in the text.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view contents, mode_t mode);

inline constexpr size_t kFileBytesMax = 1024 * 1024;

// Errors: kNotFound; kResourceExhausted above `bytes_max`; else the canonical code of errno.
absl::StatusOr<std::string> ReadFileToString(const std::string& path,
                                             size_t bytes_max = kFileBytesMax);

}  // namespace convergia::identity
