#include "datamgr/repair/copy/volume_copy.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace convergia::datamgr {
namespace {

// The length of a chunk: as the catalog says, or else as a list says where it is not damaged.
uint32_t LengthOf(const VolumeLists& lists, ChunkId chunk, uint32_t length) {
  for (const auto& [server, pieces] : lists.of) {
    if (length > 0) break;
    const auto piece = pieces.find(chunk);
    if (piece != pieces.end() && !piece->second.damaged) length = piece->second.length;
  }
  return length;
}

// All chunks that a whole replica must have: those that the catalog needs, and young ones that are
// there. With the length that the catalog or a list names.
std::map<ChunkId, uint32_t> NeededOf(const VolumeLists& lists) {
  std::map<ChunkId, uint32_t> needed;
  for (const auto& [chunk, length] : lists.live) needed[chunk] = LengthOf(lists, chunk, length);
  for (const auto& [server, pieces] : lists.of) {
    for (auto it = pieces.lower_bound(lists.young); it != pieces.end(); ++it) {
      needed.try_emplace(it->first, it->second.length);
    }
  }
  return needed;
}

const ListedPiece* FindPiece(const VolumeLists& lists, NodeId server, ChunkId chunk) {
  const auto of = lists.of.find(server);
  if (of == lists.of.end()) return nullptr;
  const auto piece = of->second.find(chunk);
  return piece == of->second.end() ? nullptr : &piece->second;
}

bool IsWhole(const ListedPiece* piece, uint32_t length) {
  return piece != nullptr && !piece->damaged && piece->length == length;
}

}  // namespace

VolumeFindings FindFaults(const VolumeLists& lists, const std::vector<NodeId>& replicas) {
  VolumeFindings findings;
  for (const auto& [server, pieces] : lists.of) {
    for (const auto& [chunk, piece] : pieces) {
      if (!lists.IsNeeded(chunk)) findings.orphans.push_back({server, chunk, piece.length});
    }
  }
  for (const auto& [chunk, known_length] : lists.live) {
    if (chunk >= lists.young) continue;  // It may still be on its way to some.
    const uint32_t length = LengthOf(lists, chunk, known_length);
    bool somewhere = false;
    for (const auto& [server, pieces] : lists.of) {
      somewhere |= IsWhole(FindPiece(lists, server, chunk), length);
    }
    if (!somewhere) {
      findings.lost.push_back({0, chunk, length});
      continue;
    }
    for (const NodeId replica : replicas) {
      if (lists.of.contains(replica) && !IsWhole(FindPiece(lists, replica, chunk), length)) {
        findings.to_heal.push_back({replica, chunk, length});
      }
    }
  }
  return findings;
}

VolumeCopy::VolumeCopy(const VolumeLists& lists, NodeId target, std::vector<NodeId> sources)
    : target_(target) {
  std::reverse(sources.begin(), sources.end());
  for (const auto& [chunk, length] : NeededOf(lists)) {
    Piece piece;
    piece.length = length;
    for (const NodeId source : sources) {
      const ListedPiece* const there = FindPiece(lists, source, chunk);
      if (source == target || !IsWhole(there, length)) continue;
      piece.sources.push_back(source);
      piece.checksum = there->checksum;
    }
    const ListedPiece* const here = FindPiece(lists, target, chunk);
    // Without any source there is nothing to compare with; what is here must do if it is whole.
    piece.at_target =
        IsWhole(here, length) && (piece.sources.empty() || here->checksum == piece.checksum);
    if (!piece.at_target && piece.sources.empty()) {
      lost_.push_back(chunk);
      continue;
    }
    bytes_total_ += length;
    ++chunks_total_;
    waiting_.emplace(chunk, std::move(piece));
  }
}

VolumeCopy::Step VolumeCopy::ReadStep(ChunkId chunk, const Piece& piece) const {
  return {Step::Kind::kRead, piece.sources.back(), chunk, piece.length, piece.checksum};
}

std::optional<VolumeCopy::Step> VolumeCopy::Next(int depth) {
  if (!status_.ok() || steps_ >= depth) return std::nullopt;
  if (!again_.empty()) {
    const Step step = again_.back();
    again_.pop_back();
    ++steps_;
    return step;
  }
  if (waiting_.empty()) return std::nullopt;
  const auto node = waiting_.extract(waiting_.begin());
  const ChunkId chunk = node.key();
  const Piece& piece = running_.emplace(chunk, node.mapped()).first->second;
  ++steps_;
  if (!piece.at_target) return ReadStep(chunk, piece);
  return Step{Step::Kind::kVerify, target_, chunk, piece.length, piece.checksum};
}

void VolumeCopy::OnVerified(ChunkId chunk, const absl::Status& status) {
  --steps_;
  if (!status_.ok()) return;
  if (status.ok()) return End(chunk, false);
  if (!absl::IsDataLoss(status) && !absl::IsNotFound(status)) return Fail(status);
  Piece& piece = running_.at(chunk);
  piece.at_target = false;
  if (piece.sources.empty()) {
    lost_.push_back(chunk);
    return End(chunk, false);
  }
  again_.push_back(ReadStep(chunk, piece));
}

std::optional<VolumeCopy::Step> VolumeCopy::OnRead(ChunkId chunk, const absl::Status& status) {
  if (!status_.ok()) {
    --steps_;
    return std::nullopt;
  }
  Piece& piece = running_.at(chunk);
  if (status.ok()) {  // The same step goes on.
    return Step{Step::Kind::kPut, target_, chunk, piece.length, piece.checksum};
  }
  --steps_;
  piece.sources.pop_back();
  if (!piece.sources.empty()) {
    again_.push_back(ReadStep(chunk, piece));
  } else if (absl::IsDataLoss(status) || absl::IsNotFound(status)) {
    lost_.push_back(chunk);  // Or deleted meanwhile; the next look at the volume tells.
    End(chunk, false);
  } else {
    Fail(status);  // A server is away or slow: not a reason to give a chunk up.
  }
  return std::nullopt;
}

void VolumeCopy::OnPut(ChunkId chunk, const absl::Status& status) {
  --steps_;
  if (!status_.ok()) return;
  if (!status.ok()) return Fail(status);
  End(chunk, true);
}

void VolumeCopy::Fail(const absl::Status& status) {
  status_ = status;
  waiting_.clear();
  again_.clear();
}

void VolumeCopy::End(ChunkId chunk, bool copied) {
  const auto it = running_.find(chunk);
  bytes_done_ += it->second.length;
  if (copied) bytes_copied_ += it->second.length;
  running_.erase(it);
}

bool VolumeCopy::IsDone() const {
  return steps_ == 0 && (!status_.ok() || (waiting_.empty() && again_.empty()));
}

}  // namespace convergia::datamgr
