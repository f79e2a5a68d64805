#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

// The keys of the catalog's rows in the store, and the record in each row
// (datamgr/records/catalog_records.proto). Numbers are eight bytes, big-endian, so keys sort like
// numbers. Times are milliseconds since 1970. All keys begin with "c/".
//
//   c/i  inode                        Inode
//   c/d  folder, name                 DirectoryEntry
//   c/p  folder, username or "*"      a letter: n, r, w, a
//   c/x  inode, end of the extent     Extent
//   c/h  inode, leaf                  the hash of the leaf, 32 bytes
//   c/o  when due, inode              the text "1"; the inode is a part
//   c/c  volume, chunk                ChunkUse
//   c/t  when due, number             Trash
//   c/w  inode                        Chore        deferred work
//   c/q  username                     Usage
//   c/m  username NUL, message        Mail         the number is drawn when the message is sent
//   c/b  username                     Mailbox
//   c/s  username NUL, sender         MailShare    of the sender in the user's mailbox
//   c/r  draft                        Draft        a draft is the inode of its body
//   c/u  username NUL, key            the value
//   c/k  username                     MetadataUse
//   c/z  username NUL, key            the bytes of the value, as decimal text
//   c/n                               the first number not yet reserved, as decimal text (Numbers)
//
// Functions with a plural name, and those named All..., return the prefix of all such keys.
namespace convergia::datamgr::keys {

std::string Inode(uint64_t inode);
std::string Entry(uint64_t folder, absl::string_view name);
std::string Entries(uint64_t folder);
std::string Permission(uint64_t folder, absl::string_view who);
std::string Permissions(uint64_t folder);
std::string Extent(uint64_t inode, uint64_t end);
std::string Extents(uint64_t inode);
std::string LeafHash(uint64_t inode, uint64_t leaf);
std::string LeafHashes(uint64_t inode);
std::string Part(int64_t due_ms, uint64_t inode);
std::string AllParts();
std::string Chunk(uint64_t volume, uint64_t chunk);
std::string Chunks(uint64_t volume);
std::string Trash(int64_t due_ms, uint64_t number);
std::string AllTrash();
std::string Chore(uint64_t inode);
std::string AllDeferredWork();
std::string Usage(absl::string_view user);
std::string Mail(absl::string_view user, uint64_t message);
std::string AllMail(absl::string_view user);
std::string Mailbox(absl::string_view user);
std::string MailShare(absl::string_view user, absl::string_view sender);
std::string Draft(uint64_t draft);
std::string AllDrafts();
std::string Metadata(absl::string_view user, absl::string_view key);
std::string AllMetadata(absl::string_view user);
std::string MetadataUse(absl::string_view user);
std::string MetadataSize(absl::string_view user, absl::string_view key);
std::string AllMetadataSizes(absl::string_view user);
std::string NextNumber();

// The number in the last eight bytes of `key`, or in the eight at `offset`. 0 if `key` is too
// short.
uint64_t NumberAtEnd(absl::string_view key);
uint64_t NumberAt(absl::string_view key, size_t offset);

inline constexpr size_t kPrefixBytes = 3;  // "c/i".

}  // namespace convergia::datamgr::keys
