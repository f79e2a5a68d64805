#include "client/output/cells.h"

#include <locale.h>
#include <wchar.h>

#include <algorithm>

namespace convergia::client {
namespace {

// wcwidth() follows the thread's locale. While this lives, that is one with UTF-8.
class Utf8Locale {
 public:
  Utf8Locale() : before_(uselocale(Get())) {}
  ~Utf8Locale() { uselocale(before_); }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  // Null on a system without it: then the thread keeps its own locale.
  static locale_t Get() {
    static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return locale;
  }

  const locale_t before_;
};

// Takes the first character, or a byte that is none, from `*text`. Returns its cells.
size_t TakeCells(absl::string_view* text) {
  uint32_t code = 0;
  const size_t length = ReadUtf8(*text, &code);
  text->remove_prefix(std::max<size_t>(length, 1));
  const int cells = length == 0 ? 1 : wcwidth(static_cast<wchar_t>(code));
  return cells < 0 ? 1 : cells;
}

}  // namespace

size_t ReadUtf8(absl::string_view text, uint32_t* code) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  size_t length = 0;
  uint32_t smallest = 0;
  if (first < 0x80) {
    *code = first;
    return 1;
  } else if ((first & 0xe0) == 0xc0) {
    length = 2, smallest = 0x80, *code = first & 0x1f;
  } else if ((first & 0xf0) == 0xe0) {
    length = 3, smallest = 0x800, *code = first & 0x0f;
  } else if ((first & 0xf8) == 0xf0) {
    length = 4, smallest = 0x10000, *code = first & 0x07;
  }
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    *code = *code << 6 | (byte(i) & 0x3f);
  }
  const bool is_surrogate = *code >= 0xd800 && *code <= 0xdfff;
  return *code < smallest || *code > 0x10ffff || is_surrogate ? 0 : length;
}

size_t CellsOf(absl::string_view text) {
  const Utf8Locale locale;
  size_t cells = 0;
  while (!text.empty()) cells += TakeCells(&text);
  return cells;
}

absl::string_view CutToCells(absl::string_view text, size_t cells) {
  const Utf8Locale locale;
  absl::string_view rest = text;
  while (!rest.empty()) {
    absl::string_view after = rest;
    const size_t taken = TakeCells(&after);
    if (taken > cells) break;
    cells -= taken;
    rest = after;
  }
  return text.substr(0, text.size() - rest.size());
}

}  // namespace convergia::client
