#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

// The parts of binary records: big-endian integers, and texts with their size (4 bytes) before
// them. A Take...() moves `*bytes` behind the part that it read. It returns false if the bytes end
// before that; then `*bytes` and the result are undefined.
namespace convergia::store {

// T is an unsigned integer; its size is the number of bytes.
template <typename T>
void AppendInteger(T number, std::string* out) {
  for (int shift = (sizeof(T) - 1) * 8; shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>(number >> shift));
  }
}

template <typename T>
bool TakeInteger(absl::string_view* bytes, T* number) {
  if (bytes->size() < sizeof(T)) return false;
  *number = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    *number = static_cast<T>(*number << 8) | static_cast<unsigned char>((*bytes)[i]);
  }
  bytes->remove_prefix(sizeof(T));
  return true;
}

// Takes `size` bytes that have no size before them.
inline bool TakeBytes(absl::string_view* bytes, size_t size, std::string* out) {
  if (bytes->size() < size) return false;
  out->assign(bytes->data(), size);
  bytes->remove_prefix(size);
  return true;
}

// `text` has less than 4 GiB.
inline void AppendString(absl::string_view text, std::string* out) {
  AppendInteger<uint32_t>(text.size(), out);
  out->append(text.data(), text.size());
}

inline bool TakeString(absl::string_view* bytes, std::string* text) {
  uint32_t size = 0;
  return TakeInteger(bytes, &size) && TakeBytes(bytes, size, text);
}

}  // namespace convergia::store
