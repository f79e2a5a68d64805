#include "datamgr/scheduler/file_hasher.h"

#include <glog/logging.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "datamgr/scheduler/piece_reader.h"

namespace convergia::datamgr {
namespace {

// The steps after one leaf to find the next one, also of another file. Then requests have their
// turn.
constexpr int kStepsAtOnce = 3;

}  // namespace

bool FileHasher::Step() {
  HashWork& work = deps_.catalog->hash_work();
  if (is_reading_ || work.IsIdle()) return false;
  auto leaf = work.Next();
  if (!leaf.ok()) {
    GiveUp(leaf.status());
    return false;
  }
  if (!leaf->has_value()) return !work.IsIdle();
  auto reading = std::make_shared<Reading>();
  reading->leaf = **leaf;
  reading->at = reading->leaf.begin;
  is_reading_ = true;
  ReadOn(reading);
  return false;
}

void FileHasher::GiveUp(const absl::Status& why) {
  LOG_IF_EVERY_N(WARNING, !why.ok(), 100) << "the hash of a file is not found out: " << why;
  deps_.catalog->hash_work().GiveUp();
  is_reading_ = false;
}

void FileHasher::ReadOn(const std::shared_ptr<Reading>& reading) {
  auto pieces = deps_.catalog->hash_work().Pieces(reading->leaf, reading->at);
  if (!pieces.ok() || !pieces->has_value()) return GiveUp(pieces.status());
  ReadPieces(*deps_.chunks, **pieces, [this, reading](absl::StatusOr<std::string> bytes) {
    if (bytes.ok()) {
      reading->sum.Add(*bytes);
      reading->at += bytes->size();
    }
    deps_.run([this, reading, read = bytes.status()] { OnRead(reading, read); });
  });
}

void FileHasher::OnRead(const std::shared_ptr<Reading>& reading, const absl::Status& read) {
  if (!read.ok()) return GiveUp(read);
  if (reading->at < reading->leaf.end) return ReadOn(reading);
  const absl::Status put = deps_.catalog->hash_work().Put(reading->leaf, reading->sum.Finish());
  if (!put.ok()) return GiveUp(put);
  is_reading_ = false;
  for (int steps = 0; steps < kStepsAtOnce && Step(); ++steps) {
  }
}

}  // namespace convergia::datamgr
