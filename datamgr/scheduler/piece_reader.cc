#include "datamgr/scheduler/piece_reader.h"

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace convergia::datamgr {
namespace {

// Collects the bytes of the pieces as data servers answer.
struct Gathering {
  absl::AnyInvocable<void(absl::StatusOr<std::string>)> done;
  absl::Mutex mu;
  std::vector<std::string> parts ABSL_GUARDED_BY(mu);
  size_t missing ABSL_GUARDED_BY(mu) = 0;
  absl::Status error ABSL_GUARDED_BY(mu);
};

std::string Joined(std::vector<std::string> parts) {
  std::string all = std::move(parts.front());
  for (size_t i = 1; i < parts.size(); ++i) all.append(parts[i]);
  return all;
}

void OnRead(Gathering& gathering, size_t part, absl::StatusOr<std::string> bytes) {
  absl::StatusOr<std::string> all = std::string();
  {
    absl::MutexLock lock(&gathering.mu);
    if (bytes.ok()) {
      gathering.parts[part] = *std::move(bytes);
    } else {
      gathering.error.Update(bytes.status());
    }
    if (--gathering.missing > 0) return;
    if (!gathering.error.ok()) all = gathering.error;
    if (all.ok()) *all = Joined(std::move(gathering.parts));
  }
  gathering.done(std::move(all));
}

}  // namespace

void ReadPieces(ChunkLayer& chunks, const std::vector<Piece>& pieces,
                absl::AnyInvocable<void(absl::StatusOr<std::string>)> done) {
  auto gathering = std::make_shared<Gathering>();
  gathering->done = std::move(done);
  {
    absl::MutexLock lock(&gathering->mu);
    gathering->parts.resize(pieces.size());
    gathering->missing = pieces.size();
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    chunks.Read(pieces[i].chunk, pieces[i].offset, pieces[i].length,
                [gathering, i](absl::StatusOr<std::string> bytes) {
                  OnRead(*gathering, i, std::move(bytes));
                });
  }
}

}  // namespace convergia::datamgr
