// Placement and repair over simulated servers that come and go, flap, lose their disks, fill up and
// are drained. A failure prints its seed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"
#include "datamgr/repair/copy/volume_copy.h"
#include "datamgr/repair/plan/repair_planner.h"

namespace convergia::datamgr {
namespace {

constexpr uint32_t kChunkBytes = 1000;
constexpr size_t kVolumeChunks = 20;
constexpr absl::Duration kTick = absl::Seconds(30);

// A data server as it is, whatever datamgr believes.
struct SimServer {
  bool up = true;
  int disk = 1;
  size_t room_chunks = 0;
  std::map<VolumeId, std::set<ChunkId>> chunks;

  size_t Used() const {
    size_t used = 0;
    for (const auto& [volume, of] : chunks) used += of.size();
    return used;
  }
};

struct SimCopy {
  Job job;
  VolumeCopy copy;
};

class Sim {
 public:
  explicit Sim(uint64_t seed) : rng_(seed), numbers_(5) {
    const int count = 5 + static_cast<int>(rng_() % 6);
    for (int i = 1; i <= count; ++i) {
      const auto id = static_cast<NodeId>(i);
      const bool fixed = rng_() % 5 == 0;
      configs_.push_back({id,
                          absl::StrCat("d", i),
                          fixed ? VolumeClass::kNonVolatile : VolumeClass::kVolatile,
                          0,
                          {{"rack", absl::StrCat(rng_() % 3)}}});
      real_[id].room_chunks = 2000 + rng_() % 2000;
    }
    table_.Configure(configs_, now_);
    for (const auto& [id, server] : real_) Connect(id);
  }

  void Tick(bool trouble) {
    now_ += kTick;
    numbers_.Mark(now_);
    if (trouble) MakeTrouble();
    for (int i = 0; i < 4; ++i) Write();
    if (rng_() % 3 == 0) Delete();
    for (const auto& [id, server] : real_) {
      if (server.up) table_.OnReport(id, SpaceOf(server));
    }
    Plan();
    RunCopies();
    CheckPromises();
  }

  // With all servers back that still exist, and time to work.
  void Settle() {
    for (auto& [id, server] : real_) {
      if (server.up) continue;
      server.up = true;
      Connect(id);
    }
    for (int i = 0; i < 3000; ++i) {
      now_ += kTick;
      for (const auto& [id, server] : real_) table_.OnReport(id, SpaceOf(server));
      if (Plan() == 0 && copies_.empty() && i > 100) break;
      RunCopies();
      CheckPromises();
    }
  }

  void CheckSettled() {
    for (const auto& [id, volume] : volumes_.volumes()) {
      const VolumeHealth health = planner_.HealthOf(volume, table_, now_);
      if (health.live == 0) continue;  // Every disk that had it is lost.
      EXPECT_GE(health.live, std::min(health.wanted, UsableFor(volume))) << "volume " << id;
      for (const Replica& replica : volume.record.replicas) {
        if (UsableFor(volume) < health.wanted) continue;
        for (const ChunkId chunk : live_[id]) {
          if (CopiesOf(id, chunk) == 0) continue;
          EXPECT_TRUE(real_[replica.server].chunks[id].contains(chunk))
              << "volume " << id << " chunk " << chunk << " on " << replica.server;
        }
      }
    }
    if (last_debt_.missing_volumes == 0 && last_debt_.stuck_volumes == 0) {
      EXPECT_EQ(last_debt_.surplus_copies, 0);
    }
  }

  uint64_t acknowledged() const { return acknowledged_; }
  uint64_t lost_to_disks() const { return lost_to_disks_; }

 private:
  std::string StoreOf(NodeId id) { return absl::StrCat("disk", id, ".", real_[id].disk); }
  ServerSpace SpaceOf(const SimServer& server) const {
    const size_t used = server.Used();
    const size_t room = server.room_chunks - std::min(server.room_chunks, used);
    return {server.room_chunks * kChunkBytes, used * kChunkBytes, used * kChunkBytes,
            room * kChunkBytes, ""};
  }
  void Connect(NodeId id) {
    const SimServer& server = real_[id];
    table_.OnConnected(id, absl::StrCat("d", id), StoreOf(id), SpaceOf(server), now_);
    std::map<VolumeId, Holding> holdings;
    for (const auto& [volume, chunks] : server.chunks) {
      if (!chunks.empty()) holdings[volume] = {chunks.size(), chunks.size() * kChunkBytes};
    }
    table_.SetHoldings(id, std::move(holdings));
  }

  void MakeTrouble() {
    const NodeId id = 1 + static_cast<NodeId>(rng_() % real_.size());
    SimServer& server = real_[id];
    const uint64_t dice = rng_() % 100;
    if (dice < 12 && server.up) {
      server.up = false;
      table_.OnDisconnected(id, now_, 1);
    } else if (dice < 30 && !server.up) {
      server.up = true;
      Connect(id);
    } else if (dice == 30 && !server.up && DownServers() == 1 && IsAllWholeWithout(id)) {
      for (const auto& [volume, chunks] : server.chunks) CountLost(id, volume, chunks);
      server.chunks.clear();
      ++server.disk;
    } else if (dice == 31) {
      configs_[id - 1].drain = !configs_[id - 1].drain;
      table_.Configure(configs_, now_);
    } else if (dice == 32) {
      planner_.ReleaseBrake(table_);
    } else if (dice == 33) {
      planner_.SetBoost(rng_() % 2 == 0);
    }
  }
  int DownServers() const {
    return static_cast<int>(std::count_if(real_.begin(), real_.end(),
                                          [](const auto& server) { return !server.second.up; }));
  }
  // Whether every volatile volume has a copy elsewhere: a disk may be lost then.
  bool IsAllWholeWithout(NodeId id) {
    for (const auto& [volume, chunks] : live_) {
      for (const ChunkId chunk : chunks) {
        const bool here = real_[id].chunks[volume].contains(chunk);
        const Volume* const known = volumes_.Find(volume);
        if (known->record.volume_class == VolumeClass::kNonVolatile) continue;
        if (here && CopiesOf(volume, chunk) < 2) return false;
      }
    }
    return true;
  }
  void CountLost(NodeId id, VolumeId volume, const std::set<ChunkId>& chunks) {
    for (const ChunkId chunk : chunks) {
      if (live_[volume].contains(chunk) && CopiesOf(volume, chunk) == 1) {
        live_[volume].erase(chunk);
        ++lost_to_disks_;
      }
    }
  }
  int CopiesOf(VolumeId volume, ChunkId chunk) {
    int copies = 0;
    for (auto& [id, server] : real_) {
      const auto of = server.chunks.find(volume);
      if (of != server.chunks.end() && of->second.contains(chunk)) ++copies;
    }
    return copies;
  }
  int UsableFor(const Volume& volume) {
    int usable = 0;
    for (const auto& [id, server] : table_.servers()) {
      if (server.MayWrite(kVolumeChunks * kChunkBytes) &&
          (volume.record.volume_class == VolumeClass::kVolatile ||
           server.config.volume_class == VolumeClass::kNonVolatile)) {
        ++usable;
      }
    }
    return usable;
  }

  void Write() {
    const VolumeClass volume_class =
        rng_() % 4 == 0 ? VolumeClass::kNonVolatile : VolumeClass::kVolatile;
    Volume* open = nullptr;
    for (auto& [id, volume] : volumes_.mutable_volumes()) {
      if (volume.IsOpen() && volume.record.volume_class == volume_class) open = &volume;
    }
    if (open == nullptr) open = OpenVolume(volume_class);
    if (open == nullptr) return;
    const VolumeId id = open->record.id;
    const ChunkId chunk = numbers_.Next();
    bool all = true;
    for (const Replica& replica : open->record.replicas) {
      SimServer& server = real_[replica.server];
      if (!server.up || server.Used() >= server.room_chunks || rng_() % 50 == 0) {
        all = false;
        continue;
      }
      server.chunks[id].insert(chunk);
      table_.AddHolding(replica.server, id, 1, kChunkBytes);
    }
    ++open->chunks;
    open->bytes += kChunkBytes;
    if (!all || open->chunks >= kVolumeChunks) open->closed = true;
    if (!all) return;  // Not acknowledged; what is there are orphans.
    live_[id].insert(chunk);
    ++acknowledged_;
  }
  Volume* OpenVolume(VolumeClass volume_class) {
    const auto ids = PlaceVolume(table_, volumes_, planner_.rules().placement, volume_class);
    if (!ids.ok()) return nullptr;
    VolumeRecord record = {next_volume_++, volume_class, 1, false, {}};
    for (const NodeId id : *ids) record.replicas.push_back({id, table_.Find(id)->store});
    return &volumes_.Apply(record, 1);
  }
  void Delete() {
    if (live_.empty()) return;
    auto it = std::next(live_.begin(), static_cast<long>(rng_() % live_.size()));
    if (it->second.empty()) return;
    const ChunkId chunk = *it->second.begin();
    it->second.erase(chunk);
    for (auto& [id, server] : real_) {
      if (server.up) server.chunks[it->first].erase(chunk);
    }
  }

  size_t Plan() {
    const auto plan =
        planner_.Next(now_, table_, volumes_, running_, rng_() % 2 == 0, next_volume_);
    last_debt_ = plan.debt;
    for (const VolumeId id : plan.seal) volumes_.Find(id)->closed = true;
    for (const VolumeId id : plan.make_volatile) {
      volumes_.Find(id)->record.volume_class = VolumeClass::kVolatile;
    }
    for (const VolumeId id : plan.cease) {
      copies_.erase(id);
      running_.erase(id);
    }
    bool copies = std::any_of(running_.begin(), running_.end(),
                              [](const auto& job) { return job.second.IsCopy(); });
    for (const Job& job : plan.start) {
      copies |= job.IsCopy();
      if (job.IsCopy()) {
        EXPECT_FALSE(plan.debt.brake) << "the brake does not hold";
        Begin(job);
      } else {
        EXPECT_FALSE(copies) << "a delete before a copy";
        Trim(job);
      }
    }
    return plan.start.size();
  }
  VolumeLists ListsOf(VolumeId id) {
    VolumeLists lists;
    lists.young = numbers_.OlderThan(absl::Minutes(30), now_);
    for (const ChunkId chunk : live_[id]) lists.live[chunk] = kChunkBytes;
    for (auto& [server_id, server] : real_) {
      if (!server.up) continue;
      for (const ChunkId chunk : server.chunks[id]) {
        lists.of[server_id][chunk] = {kChunkBytes, chunk * 3, false};
      }
    }
    return lists;
  }
  void Begin(const Job& job) {
    const Volume* const volume = volumes_.Find(job.volume);
    const VolumeHealth health = planner_.HealthOf(*volume, table_, now_);
    if (job.kind == JobKind::kRepair) {
      EXPECT_GT(health.missing(), 0) << "a needless copy";
    }
    const VolumeLists lists = ListsOf(job.volume);
    std::vector<NodeId> sources;
    for (const auto& [server, pieces] : lists.of) {
      if (server != job.target) sources.push_back(server);
    }
    running_[job.volume] = job;
    copies_.emplace(job.volume, SimCopy{job, VolumeCopy(lists, job.target, sources)});
  }
  void Trim(const Job& job) {
    SimServer& server = real_[job.target];
    if (!server.up) return;
    const Volume* const volume = volumes_.Find(job.volume);
    if (volume != nullptr) {
      const VolumeLists lists = ListsOf(job.volume);
      std::vector<NodeId> replicas;
      for (const Replica& replica : volume->record.replicas) replicas.push_back(replica.server);
      const VolumeFindings findings = FindFaults(lists, replicas);
      if (!findings.to_heal.empty()) return Heal(job.volume, findings);
    }
    server.chunks.erase(job.volume);
    table_.DropHolding(job.target, job.volume);
    if (volume == nullptr) return;
    for (const ChunkId chunk : live_[job.volume]) {
      const int wanted = planner_.rules().placement.copies(volume->record.volume_class);
      EXPECT_GE(CopiesOf(job.volume, chunk), wanted) << "trimmed what was needed";
    }
  }
  void Heal(VolumeId id, const VolumeFindings& findings) {
    for (const auto& piece : findings.to_heal) real_[piece.server].chunks[id].insert(piece.chunk);
  }

  void RunCopies() {
    for (auto it = copies_.begin(); it != copies_.end();) {
      SimCopy& running = it->second;
      for (int i = 0; i < 30 && !running.copy.IsDone(); ++i) StepOf(&running);
      if (!running.copy.IsDone()) {
        ++it;
        continue;
      }
      if (running.copy.status().ok()) Commit(running.job);
      running_.erase(it->first);
      it = copies_.erase(it);
    }
  }
  void StepOf(SimCopy* running) {
    using Kind = VolumeCopy::Step::Kind;
    const auto step = running->copy.Next(1);
    ASSERT_TRUE(step.has_value());
    const VolumeId id = running->job.volume;
    const auto has = [&](NodeId server) -> absl::Status {
      if (!real_[server].up) return absl::UnavailableError("down");
      if (!real_[server].chunks[id].contains(step->chunk)) return absl::NotFoundError("not here");
      return rng_() % 200 == 0 ? absl::DataLossError("bad") : absl::OkStatus();
    };
    if (step->kind == Kind::kVerify)
      return running->copy.OnVerified(step->chunk, has(step->server));
    const auto put = running->copy.OnRead(step->chunk, has(step->server));
    if (!put.has_value()) return;
    SimServer& target = real_[put->server];
    if (!target.up) return running->copy.OnPut(step->chunk, absl::UnavailableError("down"));
    if (target.Used() >= target.room_chunks) {
      return running->copy.OnPut(step->chunk, absl::ResourceExhaustedError("full"));
    }
    target.chunks[id].insert(step->chunk);
    table_.AddHolding(put->server, id, 1, kChunkBytes);
    running->copy.OnPut(step->chunk, absl::OkStatus());
  }
  void Commit(const Job& job) {
    if (!real_[job.target].up) return;
    Volume* const volume = volumes_.Find(job.volume);
    const auto record =
        planner_.RecordAfter(*volume, job, {job.target, StoreOf(job.target)}, table_, now_);
    if (record.has_value()) volumes_.Apply(*record, volume->version + 1);
  }

  void CheckPromises() {
    for (const auto& [id, chunks] : live_) {
      for (const ChunkId chunk : chunks) {
        ASSERT_GT(CopiesOf(id, chunk), 0) << "volume " << id << " chunk " << chunk << " is lost";
      }
    }
    CheckPatience();
  }
  // A volume that is due and could be copied is copied soon.
  void CheckPatience() {
    for (const auto& [id, volume] : volumes_.volumes()) {
      const VolumeHealth health = planner_.HealthOf(volume, table_, now_);
      const bool could = health.missing() > 0 && health.live > 0 && !last_debt_.brake &&
                         UsableFor(volume) > health.live + health.away;
      if (!could) {
        due_since_.erase(id);
        continue;
      }
      const absl::Duration since = due_since_.try_emplace(id, now_).first->second;
      ASSERT_LT(now_ - since, absl::Hours(1)) << "volume " << id << " waits for its copies";
    }
  }

  Rng rng_;
  absl::Duration now_ = absl::Hours(1);
  std::vector<ServerConfig> configs_;
  std::map<NodeId, SimServer> real_;
  ServerTable table_;
  VolumeTable volumes_;
  ChunkNumbers numbers_;
  RepairPlanner planner_{RepairRules{.placement = {.room_bytes_min = 10 * kChunkBytes}}};
  VolumeId next_volume_ = 1;
  std::map<VolumeId, std::set<ChunkId>> live_;
  std::map<VolumeId, Job> running_;
  std::map<VolumeId, SimCopy> copies_;
  std::map<VolumeId, absl::Duration> due_since_;
  RepairDebt last_debt_;
  uint64_t acknowledged_ = 0;
  uint64_t lost_to_disks_ = 0;
};

TEST(VolumesSimTest, NothingAcknowledgedIsLostAndCopiesComeBack) {
  uint64_t acknowledged = 0;
  uint64_t lost = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Sim sim(seed);
    for (int tick = 0; tick < 400; ++tick) {
      sim.Tick(/*trouble=*/true);
      if (testing::Test::HasFailure()) return;
    }
    sim.Settle();
    sim.CheckSettled();
    if (testing::Test::HasFailure()) return;
    acknowledged += sim.acknowledged();
    lost += sim.lost_to_disks();
  }
  RecordProperty("acknowledged", static_cast<int>(acknowledged));
  RecordProperty("lost_with_single_disks", static_cast<int>(lost));
  EXPECT_GT(acknowledged, 10'000);
}

}  // namespace
}  // namespace convergia::datamgr
