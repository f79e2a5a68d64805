#include "datamgr/scheduler/piece_joiner.h"

#include <glog/logging.h>

#include <optional>
#include <utility>

#include "common/base/fail.h"
#include "datamgr/scheduler/piece_reader.h"

namespace convergia::datamgr {

bool PieceJoiner::Step() {
  JoinWork& work = deps_.catalog->join_work();
  if (is_busy_ || work.IsIdle()) return false;
  absl::StatusOr<std::optional<JoinWork::Run>> next = work.Next();
  if (!next.ok()) {
    GiveUp(next.status());
    return false;
  }
  if (!next->has_value()) return !work.IsIdle();
  const auto run = std::make_shared<const JoinWork::Run>(**std::move(next));
  is_busy_ = true;
  ReadPieces(*deps_.chunks, run->pieces,
             [this, run](absl::StatusOr<std::string> bytes) { Store(run, std::move(bytes)); });
  return false;
}

void PieceJoiner::Store(const RunPtr& run, absl::StatusOr<std::string> bytes) {
  const auto done = [this, run](absl::StatusOr<ChunkRef> stored) {
    deps_.run([this, run, stored = std::move(stored)] { OnStored(run, stored); });
  };
  if (!bytes.ok()) return done(bytes.status());
  deps_.chunks->Write(*std::move(bytes), deps_.prefer(run->path), done);
}

void PieceJoiner::OnStored(const RunPtr& run, const absl::StatusOr<ChunkRef>& stored) {
  if (!stored.ok()) return GiveUp(stored.status());
  is_busy_ = false;
  const absl::StatusOr<bool> put = deps_.catalog->join_work().Put(*run, *stored);
  // After kUnconfirmed the commit may be applied, so the chunk may be in use; the sweep decides.
  const bool is_orphan = put.ok() ? !*put : FailCodeOf(put.status()) != FailCode::kUnconfirmed;
  if (is_orphan) deps_.chunks->Release({*stored}, [](const absl::Status&) {});
  if (!put.ok()) GiveUp(put.status());
}

void PieceJoiner::GiveUp(const absl::Status& why) {
  LOG_EVERY_N(WARNING, 100) << "the pieces of a file are not joined: " << why;
  deps_.catalog->join_work().GiveUp();
  is_busy_ = false;
}

}  // namespace convergia::datamgr
