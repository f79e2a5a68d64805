// Any bytes in place of an entry, a mark or changes are refused, or are what the encoder would
// write.

#include <glog/logging.h>

#include <cstdint>
#include <string>

#include "common/store/replicated/entry_codec.h"
#include "common/store/replicated/log_mark.h"
#include "common/store/rocks/rocks_format.h"

namespace convergia::store {
namespace {

void CheckSealed(absl::string_view bytes) {
  const EntryCodec codec(std::string(32, 's'), std::string(kLogIdBytes, 'i'));
  // Nobody guesses a tag.
  CHECK(!codec.Open(bytes).ok());
  Entry entry;
  entry.previous = std::string(kLogHashBytes, 'p');
  entry.changes = std::string(bytes);
  const auto opened = codec.Open(codec.Seal(entry, std::string(EntryCodec::kSaltBytes, 'x')));
  CHECK(opened.ok() && *opened == entry);
}

void CheckMark(absl::string_view bytes) {
  const auto mark = DecodeMark(bytes);
  if (mark.ok()) CHECK_EQ(EncodeMark(*mark), bytes);
}

void CheckChanges(absl::string_view bytes) {
  const auto changes = rocks_format::DecodeChanges(bytes);
  if (changes.ok()) CHECK_EQ(rocks_format::EncodeChanges(*changes), bytes);
}

}  // namespace
}  // namespace convergia::store

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  convergia::store::CheckSealed(bytes);
  convergia::store::CheckMark(bytes);
  convergia::store::CheckChanges(bytes);
  return 0;
}
