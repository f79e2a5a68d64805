#pragma once

#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace convergia::line {

#ifdef __SSE2__
// A bit for each of the 16 bytes at `at`: set if it is "~" or LF.
inline uint32_t SpecialsAt(const char* at) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  return _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('~')),
                                        _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n'))));
}
#endif

// The first "~" or LF in [begin, end), else `end`. Every byte of every packet passes through here,
// in and out, so it looks at 64 bytes at a time if the machine has SSE2.
inline const char* FindSpecial(const char* begin, const char* end) {
#ifdef __SSE2__
  for (; end - begin >= 64; begin += 64) {
    const uint32_t low = SpecialsAt(begin) | SpecialsAt(begin + 16) << 16;
    const uint32_t high = SpecialsAt(begin + 32) | SpecialsAt(begin + 48) << 16;
    if (low != 0) return begin + __builtin_ctz(low);
    if (high != 0) return begin + 32 + __builtin_ctz(high);
  }
  for (; end - begin >= 16; begin += 16) {
    if (const uint32_t hits = SpecialsAt(begin); hits != 0) return begin + __builtin_ctz(hits);
  }
#endif
  while (begin != end && *begin != '~' && *begin != '\n') ++begin;
  return begin;
}

inline char* FindSpecial(char* begin, char* end) {
  return const_cast<char*>(FindSpecial(const_cast<const char*>(begin), end));
}

}  // namespace convergia::line
