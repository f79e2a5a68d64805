#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/base/hash/user_hash.h"
#include "common/base/ids.h"
#include "convergia/v1/cluster.pb.h"
#include "convergia/v1/locations.pb.h"
#include "edge/directory/directory.h"

namespace convergia::edge {

// Keeps this edge's directory current, from local sessions, mgmt, and (when mgmt is unreachable)
// peer edges.
//
// Every edge is the only author of records about its own users. It counts its changes, so all that
// is known of an edge is a set of users and a version (start of that edge, count). A change leads
// from one version to another. An edge at the first version, or between the two, applies it. An
// edge beyond the second knows it already; an edge before the first has a gap. So the source, the
// number and the order of arrivals do not matter, and mgmt's batches mix with changes from edges.
//
//   mgmt      sends batches of changes. After each attach, and after a change that does not fit,
//             the digests of 4,096 buckets are compared, and buckets that differ are replaced,
//             except for edges of which this edge knows more than mgmt.
//   edges     A change goes over all links (flood) if its author, or the edge that hands it on, has
//             no mgmt; else only over links to edges that have none. If all edges are attached, no
//             change travels over a link. Every few seconds, and after a gap, neighbours tell one
//             another which versions they know, and ask for what they lack. So a lost change costs
//             seconds, and a new link brings what both sides know.
//   deaths    mgmt announces them. Without mgmt, each author raises a count (beat) that all edges
//             hand on. If an edge has no new beat and no link for 45 s, its users are dropped until
//             it is heard of again.
//
// A core: no thread, no I/O. `now` is Clock::Elapsed(). Events go in, then Take() gives all that is
// to be sent. A link carries one payload at a time: OnLinkReady() asks for the next.
class LocationExchange {
 public:
  static constexpr size_t kPayloadUsersMax = 8'000;    // 64 KB of one frame.
  static constexpr size_t kQueueUsersMax = 2'000'000;  // For one link: 16 MB.
  static constexpr size_t kLogUsersMax = 4'096;        // Of each edge: what may be sent again.
  static constexpr absl::Duration kGossipEvery = absl::Seconds(5);
  // Nine beats: an edge that was silent for so long has died while mgmt was away.
  static constexpr absl::Duration kSilentMax = absl::Seconds(45);

  struct Options {
    NodeId self = 0;
    Epoch epoch = 0;
    // Whether the cluster has an edge of this number. Asked once for each.
    std::function<bool(NodeId)> is_edge;
  };
  struct Counters {
    uint64_t changes_applied = 0;
    uint64_t changes_known = 0;  // They came before, from elsewhere.
    uint64_t gaps = 0;           // A step does not follow the known version: asked for.
    uint64_t refused = 0;        // It could not be true.
    uint64_t dropped = 0;        // For want of room; gossip mends it.
    uint64_t edges_lost = 0;     // Silent for too long.
    uint64_t buckets_replaced = 0;
  };
  struct Output {
    std::vector<std::pair<NodeId, v1::Locations>> to_links;  // OnLinkReady() must follow for each.
    std::vector<v1::FromNode> to_mgmt;
    std::vector<std::pair<NodeId, Epoch>> starts;  // New ones, as others say.
    std::vector<std::string> complaints;           // To be logged: the first of each kind.
  };

  // `directory` must outlive the exchange, and is written by nobody else.
  LocationExchange(Options options, Directory* directory);

  // ---- Own users.

  // Users who came (sessions > 0) or left. Returns the report for mgmt.
  v1::LocationReport OnOwnChanges(std::vector<v1::LocationChange> changes, absl::Duration now);
  uint64_t own_version() const { return own_version_; }

  // ---- mgmt.
  void OnDetached(absl::Duration now);
  void OnBatch(const v1::DirectoryBatch& batch, absl::Duration now);
  void OnBatchLost(absl::Duration now) { AskMgmt({}, now); }  // There was no room for it.
  void OnCheck();
  void OnBuckets(v1::DirectoryBuckets part, absl::Duration now);

  // ---- Other edges.

  // All edges that are linked now.
  void SetLinks(absl::Span<const NodeId> up, absl::Duration now);
  void OnLocations(NodeId from, v1::Locations payload, absl::Duration now);
  void OnLinkReady(NodeId peer);

  // Every second or so.
  void OnTick(absl::Duration now);

  // Everything to be sent since the last call.
  Output Take();

  // The start and version to which an edge's users are known; {0, 0} if they are not.
  std::pair<Epoch, uint64_t> VersionOf(NodeId edge) const;
  // True while mgmt sends batches and none is missing.
  bool has_mgmt() const { return following_; }
  const Counters& counters() const { return counters_; }

 private:
  struct Author {
    Epoch epoch = 0;
    uint64_t version = 0;
    uint64_t beat = 0;
    bool lost = false;     // It died: its users were dropped, and nobody who says less than that it
                           // lives is believed.
    bool by_mgmt = false;  // mgmt named it last, and will tell if it dies.
    absl::Duration heard;  // When it was last known to live.
    absl::Duration asked = -absl::InfiniteDuration();
    uint64_t missed = 0;            // A version that others know, ...
    absl::Duration missed_at;       // ... and since when we know that they do.
    std::deque<v1::EdgeUsers> log;  // The last steps, each from where the one before ended.
    size_t log_users = 0;
  };
  struct Link {
    explicit Link(NodeId peer) : peer(peer) {}
    NodeId peer = 0;
    bool has_mgmt = false;
    bool heard = false;  // Something came over it.
    bool writable = true;
    bool gossip_due = true;
    std::vector<v1::EdgeVersion> wanted;
    std::deque<v1::EdgeUsers> queue;
    size_t queued_users = 0;
  };
  enum class Applied { kApplied, kKnown, kGap, kRefused };
  static constexpr NodeId kMgmt = 0;  // As a source of changes.

  static bool IsNewer(Epoch epoch, uint64_t version, Epoch than_epoch, uint64_t than_version) {
    return std::make_pair(epoch, version) > std::make_pair(than_epoch, than_version);
  }
  // Null, and counted: the cluster has no such edge.
  Author* Admit(NodeId edge, absl::Duration now);
  void Refuse(absl::string_view kind, absl::string_view detail);
  // Puts the parts of one step together. nullopt: it is not complete yet.
  std::optional<v1::EdgeUsers> Assemble(NodeId source, const v1::EdgeUsers& part);
  Applied Apply(NodeId source, v1::EdgeUsers change, absl::Duration now);
  void Write(Author* author, const v1::EdgeUsers& change);
  void Log(Author* author, uint64_t from, const v1::EdgeUsers& change);
  void Restart(NodeId edge, Author* author, Epoch epoch, absl::Duration now);
  void Lose(NodeId edge, Author* author);
  void Revive(NodeId edge, Author* author);

  // Hands a step on to the links that need it.
  void Spread(NodeId source, v1::EdgeUsers change);
  void Enqueue(Link* link, const v1::EdgeUsers& change);
  void GossipTo(Link* link);
  void GossipToAllBut(NodeId peer);
  void OnKnown(NodeId from, Link* link, const v1::EdgeVersion& row, absl::Duration now);
  void OnWanted(Link* link, const v1::EdgeVersion& row);
  void Want(Link* link, const v1::EdgeVersion& row, Author* author, absl::Duration now);
  v1::Locations Fill(Link* link);
  void WorkLocations(NodeId from, v1::Locations payload, absl::Duration now);

  void AskMgmt(const v1::DirectoryPosition& after, absl::Duration now);
  bool IsSound(const v1::DirectoryBuckets& part) const;
  void ApplyBuckets(absl::Duration now);
  void EndCheck(absl::Duration now);

  const Options options_;
  Directory* const directory_;
  uint64_t own_version_ = 0;
  // By hash, for two names with the same one are one user to the directory.
  std::set<std::pair<UserHash, std::string>> own_users_;
  std::map<NodeId, Author> authors_;  // This edge among them.
  std::map<NodeId, Link> links_;
  std::set<NodeId> due_;                   // Of these, those that may have something to be sent.
  std::map<NodeId, v1::EdgeUsers> parts_;  // Of steps that are not complete, by source.
  absl::Duration next_gossip_ = absl::ZeroDuration();
  NodeId gossip_from_ = 0;  // Where the next round begins.

  bool following_ = false;
  absl::Duration without_mgmt_since_ = absl::ZeroDuration();
  v1::DirectoryPosition position_;
  std::optional<absl::Duration> asked_mgmt_;
  // From digests to the last bucket the others' changes wait, so that what is replaced is what was
  // compared.
  bool checking_ = false;
  std::vector<v1::DirectoryBuckets> buckets_;
  std::vector<std::pair<NodeId, v1::Locations>> waiting_;
  size_t waiting_users_ = 0;

  std::set<std::string> complained_;
  Output output_;
  Counters counters_;
};

}  // namespace convergia::edge
