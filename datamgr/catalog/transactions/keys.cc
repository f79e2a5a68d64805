#include "datamgr/catalog/transactions/keys.h"

#include "absl/strings/str_cat.h"

namespace convergia::datamgr::keys {
namespace {

std::string Number(uint64_t number) {
  std::string bytes(8, '\0');
  for (int i = 7; i >= 0; --i) {
    bytes[static_cast<size_t>(i)] = static_cast<char>(number & 0xff);
    number >>= 8;
  }
  return bytes;
}

constexpr absl::string_view kNul("\0", 1);

}  // namespace

std::string Inode(uint64_t inode) { return absl::StrCat("c/i", Number(inode)); }
std::string Entry(uint64_t folder, absl::string_view name) {
  return absl::StrCat("c/d", Number(folder), name);
}
std::string Entries(uint64_t folder) { return Entry(folder, ""); }
std::string Permission(uint64_t folder, absl::string_view who) {
  return absl::StrCat("c/p", Number(folder), who);
}
std::string Permissions(uint64_t folder) { return Permission(folder, ""); }
std::string Extent(uint64_t inode, uint64_t end) {
  return absl::StrCat("c/x", Number(inode), Number(end));
}
std::string Extents(uint64_t inode) { return absl::StrCat("c/x", Number(inode)); }
std::string LeafHash(uint64_t inode, uint64_t leaf) {
  return absl::StrCat("c/h", Number(inode), Number(leaf));
}
std::string LeafHashes(uint64_t inode) { return absl::StrCat("c/h", Number(inode)); }
std::string Part(int64_t due_ms, uint64_t inode) {
  return absl::StrCat("c/o", Number(static_cast<uint64_t>(due_ms)), Number(inode));
}
std::string AllParts() { return "c/o"; }
std::string Chunk(uint64_t volume, uint64_t chunk) {
  return absl::StrCat("c/c", Number(volume), Number(chunk));
}
std::string Chunks(uint64_t volume) { return absl::StrCat("c/c", Number(volume)); }
std::string Trash(int64_t due_ms, uint64_t number) {
  return absl::StrCat("c/t", Number(static_cast<uint64_t>(due_ms)), Number(number));
}
std::string AllTrash() { return "c/t"; }
std::string Chore(uint64_t inode) { return absl::StrCat("c/w", Number(inode)); }
std::string AllDeferredWork() { return "c/w"; }
std::string Usage(absl::string_view user) { return absl::StrCat("c/q", user); }
std::string Mail(absl::string_view user, uint64_t message) {
  return absl::StrCat(AllMail(user), Number(message));
}
std::string AllMail(absl::string_view user) { return absl::StrCat("c/m", user, kNul); }
std::string Mailbox(absl::string_view user) { return absl::StrCat("c/b", user); }
std::string MailShare(absl::string_view user, absl::string_view sender) {
  return absl::StrCat("c/s", user, kNul, sender);
}
std::string Draft(uint64_t draft) { return absl::StrCat("c/r", Number(draft)); }
std::string AllDrafts() { return "c/r"; }
std::string Metadata(absl::string_view user, absl::string_view key) {
  return absl::StrCat(AllMetadata(user), key);
}
std::string AllMetadata(absl::string_view user) { return absl::StrCat("c/u", user, kNul); }
std::string MetadataUse(absl::string_view user) { return absl::StrCat("c/k", user); }
std::string MetadataSize(absl::string_view user, absl::string_view key) {
  return absl::StrCat(AllMetadataSizes(user), key);
}
std::string AllMetadataSizes(absl::string_view user) { return absl::StrCat("c/z", user, kNul); }
std::string NextNumber() { return "c/n"; }

uint64_t NumberAt(absl::string_view key, size_t offset) {
  if (key.size() < 8 || offset > key.size() - 8) return 0;
  uint64_t number = 0;
  for (const char byte : key.substr(offset, 8)) {
    number = number << 8 | static_cast<unsigned char>(byte);
  }
  return number;
}

uint64_t NumberAtEnd(absl::string_view key) { return NumberAt(key, key.size() - 8); }

}  // namespace convergia::datamgr::keys
