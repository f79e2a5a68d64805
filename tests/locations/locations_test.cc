// Edges and mgmt as cores in one process: people come, go and move, links are cut, edges and mgmt
// are killed and come back, messages wait, or are lost with their link. Whatever happened, once it
// is quiet every directory holds exactly those who are signed in.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "edge/directory/directory.h"
#include "edge/directory/location_exchange.h"
#include "mgmt/cluster/directory.h"

namespace convergia {
namespace {

constexpr NodeId kEdges = 5;
constexpr int kUsers = 12;
constexpr absl::Duration kGoneAfter = absl::Seconds(12);

struct SimEdge {
  Epoch epoch = 0;
  bool alive = false;
  bool attached = false;
  absl::Duration unattached_since;
  std::set<std::string> users;
  std::unique_ptr<edge::Directory> directory;
  std::unique_ptr<edge::LocationExchange> exchange;
  std::deque<v1::ToNode> from_mgmt;
  std::deque<v1::FromNode> to_mgmt;
};

struct SimMgmt {
  Epoch epoch = 0;
  bool up = false;
  bool ready = false;  // It has heard all that it waits for.
  absl::Duration up_since;
  std::unique_ptr<mgmt::Directory> directory;
  std::set<NodeId> announced;
  std::set<NodeId> follows;
  std::set<NodeId> gone;
};

class World {
 public:
  explicit World(uint64_t seed) : rng_(seed) {
    for (NodeId id = 1; id <= kEdges; ++id) StartEdge(id);
    StartMgmt();
  }

  void RandomStep() {
    const NodeId id = 1 + Pick(kEdges);
    const NodeId other = 1 + Pick(kEdges);
    switch (Pick(24)) {
      case 0:
        return edges_[id].alive ? KillEdge(id) : StartEdge(id);
      case 1:
        return Pick(2) == 0 ? void() : mgmt_.up ? KillMgmt() : StartMgmt();
      case 2:
      case 3:
        return mgmt_.up ? Attach(id) : void();
      case 4:
        return Detach(id);
      case 5:
      case 6:
      case 7:
        return LinkUp(id, other);
      case 8:
        return LinkDown(id, other);
      case 9:
        return ReplaceLink(id, other);
      case 10:
      case 11:
        return Tick();
      case 12:
      case 13:
      case 14:
      case 15:
        return Change(id);
      default:
        return DeliverSome();
    }
  }

  // Users no longer come and go, and all that should work does.
  void Quiet(bool with_mgmt) {
    loses_ = false;
    if (with_mgmt && !mgmt_.up) StartMgmt();
    if (!with_mgmt && mgmt_.up) KillMgmt();
    std::vector<NodeId> alive;
    for (auto& [id, edge] : edges_) {
      if (edge.alive) alive.push_back(id);
    }
    // A chain at least: every living edge reaches all others.
    for (size_t i = 1; i < alive.size(); ++i) LinkUp(alive[i - 1], alive[i]);
    for (int second = 0; second < 150; ++second) {
      // Something follows what was lost, by which that is noticed.
      if (second == 10) {
        for (const NodeId id : alive) Change(id);
      }
      if (with_mgmt) {
        for (const NodeId id : alive) Attach(id);
      }
      Tick();
      DeliverAll();
    }
    loses_ = true;
  }

  void ExpectAllEqualTruth() {
    DirectoryDigests truth = {};
    size_t size = 0;
    for (const auto& [id, edge] : edges_) {
      if (!edge.alive) continue;
      for (const std::string& user : edge.users) {
        truth[BucketOf(HashOfUser(user))] += PlaceDigest(HashOfUser(user), id);
        ++size;
      }
    }
    for (const auto& [id, edge] : edges_) {
      if (!edge.alive) continue;
      EXPECT_EQ(edge.directory->size(), size) << "edge " << id;
      EXPECT_TRUE(edge.directory->digests() == truth) << "edge " << id << Differences(id);
    }
    if (!mgmt_.up) return;
    EXPECT_TRUE(mgmt_.directory->digests() == truth) << "mgmt";
  }

  // The users that are missing in the directory of an edge, or that should be.
  std::string Differences(NodeId id) {
    std::string text;
    for (const auto& [author, edge] : edges_) {
      const auto [epoch, version] = edges_[id].exchange->VersionOf(author);
      absl::StrAppend(&text, "\n  of edge ", author, ", epoch ", edge.epoch, ", version ",
                      edge.exchange->own_version(), " it knows ", epoch, ", ", version, ":");
      for (int i = 0; i < kUsers; ++i) {
        const std::string user = absl::StrCat("u", i);
        const edge::Places places = edges_[id].directory->Find(user);
        const bool is_known = std::find(places.begin(), places.end(), author) != places.end();
        if (is_known == (edge.alive && edge.users.contains(user))) continue;
        absl::StrAppend(&text, is_known ? " not " : " ", user);
      }
    }
    return text;
  }

  const std::string& history() const { return history_; }

 private:
  using Pair = std::pair<NodeId, NodeId>;

  uint64_t Pick(uint64_t of) { return rng_() % of; }
  void Note(const std::string& what) { absl::StrAppend(&history_, what, "\n"); }

  // ---- Edges.
  void StartEdge(NodeId id) {
    SimEdge& edge = edges_[id];
    ++edge.epoch;
    edge.alive = true;
    edge.unattached_since = now_;
    edge.directory = std::make_unique<edge::Directory>();
    edge.exchange = std::make_unique<edge::LocationExchange>(
        edge::LocationExchange::Options{
            .self = id, .epoch = edge.epoch, .is_edge = [](NodeId node) { return node <= kEdges; }},
        edge.directory.get());
    Note(absl::StrCat("edge ", id, " starts, epoch ", edge.epoch));
  }
  void KillEdge(NodeId id) {
    Note(absl::StrCat("edge ", id, " dies"));
    Detach(id);
    for (NodeId other = 1; other <= kEdges; ++other) LinkDown(id, other);
    SimEdge& edge = edges_[id];
    edge.alive = false;
    edge.users.clear();
  }
  void Change(NodeId id) {
    SimEdge& edge = edges_[id];
    if (!edge.alive) return;
    std::vector<v1::LocationChange> changes;
    for (uint64_t count = 1 + Pick(3); count > 0; --count) {
      const std::string user = absl::StrCat("u", Pick(kUsers));
      v1::LocationChange& change = changes.emplace_back();
      change.set_username(user);
      change.set_sessions(Pick(2));
      if (change.sessions() > 0) {
        edge.users.insert(user);
      } else {
        edge.users.erase(user);
      }
    }
    v1::FromNode report;
    *report.mutable_locations() = edge.exchange->OnOwnChanges(std::move(changes), now_);
    if (edge.attached) edge.to_mgmt.push_back(std::move(report));
    Collect(id);
  }
  void Collect(NodeId id) {
    SimEdge& edge = edges_[id];
    edge::LocationExchange::Output output = edge.exchange->Take();
    for (auto& message : output.to_mgmt) {
      if (edge.attached) edge.to_mgmt.push_back(std::move(message));
    }
    for (auto& [peer, payload] : output.to_links) {
      const auto link = links_.find({id, peer});
      if (link == links_.end()) continue;
      link->second.push_back(std::move(payload));
      edge.exchange->OnLinkReady(peer);
    }
    if (!output.to_links.empty()) Collect(id);
  }

  // ---- Links: one queue each way.
  void TellLinks(NodeId id) {
    std::vector<NodeId> up;
    for (const auto& [pair, queue] : links_) {
      if (pair.first == id) up.push_back(pair.second);
    }
    edges_[id].exchange->SetLinks(up, now_);
    Collect(id);
  }
  void LinkUp(NodeId a, NodeId b) {
    if (a == b || !edges_[a].alive || !edges_[b].alive || links_.contains({a, b})) return;
    Note(absl::StrCat("link ", a, "-", b, " up"));
    links_[{a, b}];
    links_[{b, a}];
    TellLinks(a);
    TellLinks(b);
  }
  void LinkDown(NodeId a, NodeId b) {
    if (!links_.contains({a, b})) return;
    Note(absl::StrCat("link ", a, "-", b, " down"));
    links_.erase({a, b});
    links_.erase({b, a});
    TellLinks(a);
    TellLinks(b);
  }
  // By a newer one, without either side noticing more than that frames are missing.
  void ReplaceLink(NodeId a, NodeId b) {
    if (!links_.contains({a, b})) return;
    Note(absl::StrCat("link ", a, "-", b, " replaced"));
    links_[{a, b}].clear();
    links_[{b, a}].clear();
  }
  bool DeliverFrame(const Pair& pair) {
    auto& queue = links_[pair];
    if (queue.empty()) return false;
    v1::Locations payload = std::move(queue.front());
    queue.pop_front();
    edges_[pair.second].exchange->OnLocations(pair.first, std::move(payload), now_);
    Collect(pair.second);
    return true;
  }

  // ---- mgmt.
  void StartMgmt() {
    Note("mgmt starts");
    mgmt_ = {.epoch = mgmt_.epoch + 1, .up = true, .up_since = now_};
    mgmt_.directory = std::make_unique<mgmt::Directory>(mgmt::Directory::Options{
        .epoch = mgmt_.epoch, .history_users_max = 30, .batch_users_max = 4});
    for (auto& [id, edge] : edges_) edge.unattached_since = now_;
  }
  void KillMgmt() {
    Note("mgmt dies");
    for (NodeId id = 1; id <= kEdges; ++id) Detach(id);
    mgmt_.up = false;
  }
  void Attach(NodeId id) {
    SimEdge& edge = edges_[id];
    if (!edge.alive || edge.attached) return;
    Note(absl::StrCat("edge ", id, " attaches"));
    edge.attached = true;
    v1::FromNode message;
    v1::LocationReport* report = message.mutable_locations();
    report->set_whole(true);
    report->set_version(edge.exchange->own_version());
    for (const std::string& user : edge.users) {
      if (report->changes_size() == 3) {
        report->set_more(true);
        edge.to_mgmt.push_back(message);
        message.Clear();
        report = message.mutable_locations();
        report->set_version(edge.exchange->own_version());
      }
      report->add_changes()->set_username(user);
      report->mutable_changes(report->changes_size() - 1)->set_sessions(1);
    }
    edge.to_mgmt.push_back(message);
    if (mgmt_.ready) edge.from_mgmt.emplace_back().mutable_directory_check();
  }
  void Detach(NodeId id) {
    SimEdge& edge = edges_[id];
    if (!edge.attached) return;
    Note(absl::StrCat("edge ", id, " detaches"));
    edge.attached = false;
    edge.unattached_since = now_;
    edge.from_mgmt.clear();
    edge.to_mgmt.clear();
    mgmt_.follows.erase(id);
    edge.exchange->OnDetached(now_);
    Collect(id);
  }
  bool DeliverToMgmt(NodeId id) {
    SimEdge& edge = edges_[id];
    if (edge.to_mgmt.empty()) return false;
    const v1::FromNode message = std::move(edge.to_mgmt.front());
    edge.to_mgmt.pop_front();
    if (message.has_locations()) {
      switch (mgmt_.directory->Apply(id, edge.epoch, message.locations())) {
        case mgmt::Directory::Applied::kGap:
          Note(absl::StrCat("mgmt misses changes of edge ", id));
          Detach(id);
          break;
        case mgmt::Directory::Applied::kAnnounced:
          mgmt_.announced.insert(id);
          mgmt_.gone.erase(id);
          break;
        default:
          break;
      }
    }
    if (message.has_directory_resync() && mgmt_.follows.contains(id)) {
      if (const auto missed = mgmt_.directory->Since(message.directory_resync())) {
        for (const auto& batch : *missed) {
          *edge.from_mgmt.emplace_back().mutable_directory() = batch;
        }
      } else {
        mgmt_.follows.erase(id);
        edge.from_mgmt.emplace_back().mutable_directory_check();
      }
    }
    if (message.has_directory_digests()) {
      for (auto& part :
           mgmt_.directory->Differing(*DecodeDigests(message.directory_digests().digests()))) {
        *edge.from_mgmt.emplace_back().mutable_directory_buckets() = std::move(part);
      }
      mgmt_.follows.insert(id);
    }
    Flush();
    return true;
  }
  void Flush() {
    if (!mgmt_.ready) return;
    while (const auto batch = mgmt_.directory->TakeBatch()) {
      for (const NodeId id : mgmt_.follows) {
        if (!loses_ || Pick(50) > 0)
          *edges_[id].from_mgmt.emplace_back().mutable_directory() = *batch;
      }
    }
  }
  bool DeliverFromMgmt(NodeId id) {
    SimEdge& edge = edges_[id];
    if (edge.from_mgmt.empty()) return false;
    v1::ToNode message = std::move(edge.from_mgmt.front());
    edge.from_mgmt.pop_front();
    if (message.has_directory()) edge.exchange->OnBatch(message.directory(), now_);
    if (message.has_directory_check()) edge.exchange->OnCheck();
    if (message.has_directory_buckets()) {
      edge.exchange->OnBuckets(message.directory_buckets(), now_);
    }
    Collect(id);
    return true;
  }
  void TickMgmt() {
    if (!mgmt_.up) return;
    size_t missing = 0;
    for (auto& [id, edge] : edges_) {
      const bool late = !edge.attached && now_ - edge.unattached_since > kGoneAfter;
      if (late && mgmt_.gone.insert(id).second) mgmt_.directory->EdgeGone(id);
      missing += !mgmt_.announced.contains(id) && !mgmt_.gone.contains(id);
    }
    if (!mgmt_.ready && (missing == 0 || now_ - mgmt_.up_since > absl::Seconds(15))) {
      Note("mgmt has heard all");
      mgmt_.ready = true;
      for (auto& [id, edge] : edges_) {
        if (edge.attached) edge.from_mgmt.emplace_back().mutable_directory_check();
      }
    }
    Flush();
  }

  // ---- Time and delivery.
  void Tick() {
    now_ += absl::Seconds(1);
    TickMgmt();
    for (auto& [id, edge] : edges_) {
      if (!edge.alive) continue;
      edge.exchange->OnTick(now_);
      Collect(id);
    }
  }
  void DeliverSome() {
    for (uint64_t count = 1 + Pick(6); count > 0; --count) {
      const NodeId id = 1 + Pick(kEdges);
      const NodeId other = 1 + Pick(kEdges);
      if (links_.contains({id, other})) DeliverFrame({id, other});
      if (mgmt_.up && Pick(2) == 0) DeliverToMgmt(id);
      if (mgmt_.up && Pick(2) == 0) DeliverFromMgmt(other);
    }
  }
  void DeliverAll() {
    for (bool any = true; any;) {
      any = false;
      for (NodeId id = 1; id <= kEdges; ++id) {
        any |= DeliverToMgmt(id);
        any |= DeliverFromMgmt(id);
        for (NodeId other = 1; other <= kEdges; ++other) {
          if (links_.contains({id, other})) any |= DeliverFrame({id, other});
        }
      }
    }
  }

  Rng rng_;
  absl::Duration now_ = absl::Seconds(1000);
  std::map<NodeId, SimEdge> edges_;
  std::map<Pair, std::deque<v1::Locations>> links_;
  SimMgmt mgmt_;
  bool loses_ = true;  // Batches, as no stream should.
  std::string history_;
};

// --test_env=SEED=n or SEEDS=n: another one, or more.
uint64_t FromEnv(const char* name, uint64_t otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

TEST(LocationsTest, WhateverHappensAllDirectoriesAreRightOnceItIsQuiet) {
  const uint64_t first = FromEnv("SEED", 1);
  const uint64_t last = first + FromEnv("SEEDS", 300) - 1;
  for (uint64_t seed = first; seed <= last; ++seed) {
    World world(seed);
    for (int round = 0; round < 4; ++round) {
      for (int step = 0; step < 150; ++step) world.RandomStep();
      world.Quiet(/*with_mgmt=*/(seed + round) % 2 == 0);
      world.ExpectAllEqualTruth();
      ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed << ", round " << round << "\n"
                                                << world.history();
    }
  }
}

}  // namespace
}  // namespace convergia
