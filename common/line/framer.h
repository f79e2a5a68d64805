#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace convergia::line {

// Cuts a stream of bytes into packets and takes the escapes out of them: "~" x stands for the byte
// x, and an LF that is not escaped ends the packet.
//
//   absl::Span<char> bytes = <what the socket gave>;
//   absl::string_view packet;
//   while (true) {
//     switch (framer.Pull(&bytes, &packet)) {
//       case Framer::Next::kPacket: ...; break;
//       case Framer::Next::kTooLong: ...; break;
//       case Framer::Next::kNeedMore: return;  // `bytes` is empty now.
//     }
//   }
//
// A packet that is complete in the caller's buffer is unescaped in place and never copied. The
// start of an incomplete packet is held here, within the limit; while nothing is held, the framer
// keeps no memory. One framer per direction of a connection; not thread-safe.
class Framer {
 public:
  enum class Next { kNeedMore, kPacket, kTooLong };

  // How many bytes of a too long packet Pull() shows: enough to read its id.
  static constexpr size_t kTooLongPrefixBytes = 64;

  // A packet may have `packet_bytes_max` bytes, counted without escapes and without the ending LF.
  explicit Framer(size_t packet_bytes_max) : packet_bytes_max_(packet_bytes_max) {}

  // Changes the limit from the next byte on, for example at sign-in. It also holds for a packet
  // that has begun.
  void set_packet_bytes_max(size_t bytes) { packet_bytes_max_ = bytes; }

  // While true (the default is false), a CR that is not escaped and stands right before the ending
  // LF is dropped, for people at a terminal. It still counts towards the limit.
  void set_drops_cr(bool drops) { drops_cr_ = drops; }

  // Takes bytes from the front of `*bytes`, which it advances and overwrites.
  //
  //   kPacket    `*packet` is the next packet, unescaped, never empty; it lies in the caller's
  //              buffer or in the framer and is valid until the next Pull().
  //   kTooLong   a packet above the limit has ended; `*packet` is up to kTooLongPrefixBytes of its
  //              beginning, the rest is gone. Returned once for each such packet.
  //   kNeedMore  `*bytes` is used up.
  Next Pull(absl::Span<char>* bytes, absl::string_view* packet);

  // True while a packet above the limit is skipped, that is, before its kTooLong.
  bool skipping() const { return skipping_; }

  // Bytes held of a packet that has begun and not ended.
  size_t partial_bytes() const { return held_is_given_ ? 0 : held_.size(); }

  // The number of empty packets, which are skipped.
  uint64_t empty_packets() const { return empty_packets_; }

 private:
  struct Piece;
  Piece TakePiece(absl::Span<char>* bytes);
  void Hold(absl::string_view text);
  Next GiveHeld(absl::string_view* packet);
  void ForgetGiven();

  size_t packet_bytes_max_;
  bool drops_cr_ = false;

  std::string held_;            // The packet's bytes from earlier buffers, already unescaped.
  bool held_is_given_ = false;  // `held_` was the last Pull()'s packet; the next Pull() drops it.
  bool escaped_ = false;        // The last byte taken was a "~" that starts an escape.
  bool ends_in_plain_cr_ = false;
  bool skipping_ = false;  // `held_` is then only the prefix.
  uint64_t empty_packets_ = 0;
};

}  // namespace convergia::line
