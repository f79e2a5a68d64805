#include "common/line/framer.h"

#include <cstring>

#include "absl/base/optimization.h"
#include "common/line/scan.h"

namespace convergia::line {

// The part of one packet that a buffer holds.
struct Framer::Piece {
  absl::string_view text;         // Unescaped, in the caller's buffer.
  bool ended = false;             // An LF was there.
  bool ends_in_plain_cr = false;  // If `text` is not empty: its last byte is a CR, not escaped.
};

// Unescapes in place up to the ending LF or to the end of `*bytes`.
Framer::Piece Framer::TakePiece(absl::Span<char>* bytes) {
  char* const begin = bytes->data();
  char* const end = begin + bytes->size();
  char* read = begin;
  char* write = begin;
  bool last_was_escaped = false;
  if (escaped_ && read != end) {
    escaped_ = false;
    last_was_escaped = true;
    ++read;  // The byte stays where it is: it is the first of the piece.
    ++write;
  }
  bool ended = false;
  while (true) {
    char* const special = FindSpecial(read, end);
    if (const size_t run = special - read; run > 0) {
      if (write != read) std::memmove(write, read, run);
      write += run;
      last_was_escaped = false;
    }
    read = special;
    if (special == end) break;
    ++read;
    if (*special == '\n') {
      ended = true;
      break;
    }
    if (read == end) {
      escaped_ = true;
      break;
    }
    *write++ = *read++;
    last_was_escaped = true;
  }
  Piece piece;
  piece.text = absl::string_view(begin, write - begin);
  piece.ended = ended;
  piece.ends_in_plain_cr = !last_was_escaped && write != begin && write[-1] == '\r';
  bytes->remove_prefix(read - begin);
  return piece;
}

// Keeps `text`, or notes that the packet is too long and keeps only its first bytes.
void Framer::Hold(absl::string_view text) {
  if (!skipping_ && held_.size() + text.size() > packet_bytes_max_) {
    skipping_ = true;
    std::string prefix = held_.substr(0, kTooLongPrefixBytes);
    held_.swap(prefix);  // `prefix` takes the big buffer with it.
  }
  if (skipping_) text = text.substr(0, kTooLongPrefixBytes - held_.size());
  held_.append(text.data(), text.size());
}

// The held packet has ended.
Framer::Next Framer::GiveHeld(absl::string_view* packet) {
  *packet = held_;
  held_is_given_ = true;
  const bool too_long = skipping_;
  skipping_ = false;
  return too_long ? Next::kTooLong : Next::kPacket;
}

void Framer::ForgetGiven() {
  if (ABSL_PREDICT_TRUE(!held_is_given_)) return;
  held_is_given_ = false;
  std::string().swap(held_);  // Not clear(): a quiet connection keeps no memory.
}

Framer::Next Framer::Pull(absl::Span<char>* bytes, absl::string_view* packet) {
  ForgetGiven();
  while (!bytes->empty()) {
    const bool begun = escaped_ || skipping_ || !held_.empty();
    Piece piece = TakePiece(bytes);
    if (!piece.text.empty()) ends_in_plain_cr_ = piece.ends_in_plain_cr;
    if (!piece.ended) {
      Hold(piece.text);
      return Next::kNeedMore;
    }
    const bool fits = piece.text.size() <= packet_bytes_max_;
    const bool drop_cr = drops_cr_ && ends_in_plain_cr_;
    ends_in_plain_cr_ = false;
    if (ABSL_PREDICT_TRUE(!begun && fits)) {
      if (drop_cr) piece.text.remove_suffix(1);
      if (ABSL_PREDICT_TRUE(!piece.text.empty())) {
        *packet = piece.text;
        return Next::kPacket;
      }
    } else {
      Hold(piece.text);
      if (drop_cr && !skipping_) held_.pop_back();
      if (skipping_ || !held_.empty()) return GiveHeld(packet);
    }
    ++empty_packets_;
  }
  return Next::kNeedMore;
}

}  // namespace convergia::line
