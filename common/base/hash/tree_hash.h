#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

// The hash of a file's content, that a server keeps and a client can compute for itself
// (docs/PROTOCOL.md, GETINFO). A file is cut into leaves of one MiB, from its beginning on; the
// last one may be shorter.
//
//   hash of a leaf  SHA-256 of its bytes
//   hash of a file  SHA-256 of: its length in eight bytes, the greatest first; then the hash of
//                   each leaf, 32 bytes, in order
//
// An empty file has no leaf.
namespace convergia {

inline constexpr uint64_t kHashLeafBytes = 1024 * 1024;
inline constexpr size_t kHashBytes = 32;

// How many leaves a file of `bytes` has.
inline constexpr uint64_t HashLeaves(uint64_t bytes) {
  return bytes / kHashLeafBytes + (bytes % kHashLeafBytes == 0 ? 0 : 1);
}

// SHA-256 of bytes that come piece by piece. Not thread-safe.
class Sha256Sum {
 public:
  Sha256Sum();
  Sha256Sum(Sha256Sum&&) noexcept;
  Sha256Sum& operator=(Sha256Sum&&) noexcept;
  ~Sha256Sum();

  void Add(absl::string_view bytes);
  // kHashBytes bytes, not hexadecimal. Ends it: nothing may be added after it.
  std::string Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Of the bytes of one leaf: kHashBytes bytes.
std::string LeafHash(absl::string_view leaf);

// The hash of a file from those of its leaves. GETINFO shows it in hexadecimal.
//
//   TreeHash hash(length);
//   hash.AddLeaf(LeafHash(first));
//   ...
//   absl::BytesToHexString(hash.Finish())
class TreeHash {
 public:
  explicit TreeHash(uint64_t length);
  void AddLeaf(absl::string_view hash) { sum_.Add(hash); }
  // kHashBytes bytes. Ends it.
  std::string Finish() { return sum_.Finish(); }

 private:
  Sha256Sum sum_;
};

// Of a file that is in memory as a whole: as GETINFO shows it.
std::string HexTreeHash(absl::string_view content);

}  // namespace convergia
