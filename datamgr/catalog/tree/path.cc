#include "datamgr/catalog/tree/path.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/fail.h"

namespace convergia::datamgr {
namespace {

// Takes the first character off `*text` and returns its code point; -1 if it is not UTF-8.
int32_t TakeCharacter(absl::string_view* text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>((*text)[i]); };
  const unsigned char first = byte(0);
  const size_t bytes = first < 0x80   ? 1
                       : first < 0xc2 ? 0
                       : first < 0xe0 ? 2
                       : first < 0xf0 ? 3
                                      : 4;
  if (bytes == 0 || first > 0xf4 || bytes > text->size()) return -1;
  int32_t character = bytes == 1 ? first : first & (0xff >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return -1;
    character = character << 6 | (byte(i) & 0x3f);
  }
  text->remove_prefix(bytes);
  const bool overlong = (bytes == 3 && character < 0x800) || (bytes == 4 && character < 0x10000);
  const bool surrogate = character >= 0xd800 && character < 0xe000;
  return overlong || surrogate || character > 0x10ffff ? -1 : character;
}

absl::Status CheckName(absl::string_view name) {
  if (name.empty()) {
    return Fail(FailCode::kBadField,
                "a path has no empty names: write /a/b, without // and without / "
                "at the end");
  }
  if (name == "." || name == "..") {
    return Fail(FailCode::kBadField, "a path has no . and ..: write out the names, as in /a/b");
  }
  if (name.size() > kPathNameBytesMax) {
    return Fail(FailCode::kBadField, absl::StrCat("a name has at most ", kPathNameBytesMax,
                                                  " bytes; choose a shorter one"));
  }
  if (!IsPrintableUtf8(name)) {
    return Fail(FailCode::kBadField, "a name is UTF-8 without control characters; choose another");
  }
  return absl::OkStatus();
}

// Unicode 15 characters that are invisible or change the direction of the text after them. Ordinary
// marks of right-to-left languages are not in the list. The first and last of each range.
constexpr int32_t kHidden[][2] = {
    {0xad, 0xad},        // Soft hyphen.
    {0x34f, 0x34f},      // Combining grapheme joiner.
    {0x61c, 0x61c},      // Arabic letter mark.
    {0x115f, 0x1160},    // Hangul fillers.
    {0x17b4, 0x17b5},    // Khmer inherent vowels.
    {0x180b, 0x180f},    // Mongolian selectors and vowel separator.
    {0x200b, 0x200f},    // Zero width space and joiners, direction marks.
    {0x2028, 0x202e},    // Separators of lines, embeddings and overrides of direction.
    {0x2060, 0x206f},    // Word joiner, invisible operators, isolates of direction.
    {0x3164, 0x3164},    // Hangul filler.
    {0xfeff, 0xfeff},    // Zero width no-break space.
    {0xffa0, 0xffa0},    // Halfwidth Hangul filler.
    {0xfff0, 0xfffb},    // Annotations.
    {0x1bca0, 0x1bca3},  // Shorthand format controls.
    {0x1d173, 0x1d17a},  // Musical format controls.
    {0xe0000, 0xe0fff},  // Tags.
};

}  // namespace

bool HasHiddenCharacters(absl::string_view text) {
  while (!text.empty()) {
    const int32_t character = TakeCharacter(&text);
    if (character < 0) return false;  // Not UTF-8: another rule refuses it.
    for (const auto& [first, last] : kHidden) {
      if (character >= first && character <= last) return true;
    }
  }
  return false;
}

absl::Status CheckNewName(absl::string_view name) {
  if (!HasHiddenCharacters(name)) return absl::OkStatus();
  return Fail(FailCode::kBadField,
              "a new name has no characters that are invisible or turn the direction of text; "
              "choose another");
}

bool IsPrintableUtf8(absl::string_view text) {
  while (!text.empty()) {
    const int32_t character = TakeCharacter(&text);
    if (character < 0x20 || (character >= 0x7f && character < 0xa0)) return false;
  }
  return true;
}

absl::StatusOr<Path> ParsePath(absl::string_view text) {
  if (text.empty() || text.front() != '/') {
    return Fail(FailCode::kBadField, "a path begins with /, as in /a/b");
  }
  if (text.size() > kPathBytesMax) {
    return Fail(FailCode::kBadField,
                absl::StrCat("a path has at most ", kPathBytesMax, " bytes; use shorter names"));
  }
  Path path;
  if (text == "/") return path;
  for (const absl::string_view name : absl::StrSplit(text.substr(1), '/')) {
    if (absl::Status fine = CheckName(name); !fine.ok()) return fine;
    path.emplace_back(name);
  }
  if (path.size() > kPathDepthMax) {
    return Fail(FailCode::kBadField, absl::StrCat("folders are at most ", kPathDepthMax,
                                                  " deep; put this nearer to the top"));
  }
  return path;
}

}  // namespace convergia::datamgr
