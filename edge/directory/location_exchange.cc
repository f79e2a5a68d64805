#include "edge/directory/location_exchange.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace convergia::edge {
namespace {

// If a neighbour does not answer a question within this, another one is asked.
constexpr absl::Duration kAskAgainAfter = absl::Seconds(2);
// A round of gossip goes to at least so many neighbours. Further ones have their turn in the next
// rounds, all of them within kGossipRounds. An edge that has no other neighbour takes silence for a
// death much later than that.
constexpr size_t kGossipLinksAtLeast = 64;
constexpr size_t kGossipRounds = 3;

size_t UsersIn(const v1::EdgeUsers& change) { return change.here_size() + change.left_size(); }

bool ContinuesStep(const v1::EdgeUsers& step, const v1::EdgeUsers& part) {
  return step.edge() == part.edge() && step.epoch() == part.epoch() && step.from() == part.from() &&
         step.version() == part.version();
}

v1::EdgeUsers HeaderOf(const v1::EdgeUsers& change) {
  v1::EdgeUsers header;
  header.set_edge(change.edge());
  header.set_epoch(change.epoch());
  header.set_from(change.from());
  header.set_version(change.version());
  header.set_exact(change.exact());
  header.mutable_told()->CopyFrom(change.told());
  return header;
}

}  // namespace

LocationExchange::LocationExchange(Options options, Directory* directory)
    : options_(std::move(options)), directory_(directory) {
  authors_[options_.self].epoch = options_.epoch;
}

void LocationExchange::Refuse(absl::string_view kind, absl::string_view detail) {
  ++counters_.refused;
  if (!complained_.insert(std::string(kind)).second) return;
  output_.complaints.push_back(absl::StrCat(kind, ": ", detail, " (counted from now on)"));
}

LocationExchange::Author* LocationExchange::Admit(NodeId edge, absl::Duration now) {
  const auto known = authors_.find(edge);
  if (known != authors_.end()) return &known->second;
  if (edge == 0 || !options_.is_edge(edge)) {
    Refuse("users of an edge that does not exist", absl::StrCat("node ", edge));
    return nullptr;
  }
  Author& author = authors_[edge];
  author.heard = now;
  return &author;
}

std::pair<Epoch, uint64_t> LocationExchange::VersionOf(NodeId edge) const {
  const auto author = authors_.find(edge);
  if (author == authors_.end() || author->second.lost) return {0, 0};
  return {author->second.epoch, author->second.version};
}

// ---- Own users

v1::LocationReport LocationExchange::OnOwnChanges(std::vector<v1::LocationChange> changes,
                                                  absl::Duration now) {
  v1::EdgeUsers step;
  step.set_edge(options_.self);
  step.set_epoch(options_.epoch);
  step.set_from(own_version_);
  step.set_version(++own_version_);
  v1::LocationReport report;
  report.set_version(own_version_);
  std::map<UserHash, bool> touched;  // And whether they are here in the end.
  for (v1::LocationChange& change : changes) {
    const UserHash hash = HashOfUser(change.username());
    const std::pair<UserHash, std::string> user(hash, change.username());
    if (change.sessions() > 0) {
      own_users_.insert(user);
    } else {
      own_users_.erase(user);
    }
    const auto any = own_users_.lower_bound({hash, std::string()});
    const bool is_here = any != own_users_.end() && any->first == hash;
    const bool changed =
        is_here ? directory_->Put(hash, options_.self) : directory_->Erase(hash, options_.self);
    if (changed) touched[hash] = is_here;
    *report.add_changes() = std::move(change);
  }
  for (const auto& [user, is_here] : touched) {
    (is_here ? step.mutable_here() : step.mutable_left())->Add(user);
  }
  Author& self = authors_[options_.self];
  self.version = own_version_;
  self.heard = now;
  Log(&self, step.from(), step);
  Spread(options_.self, std::move(step));
  return report;
}

// ---- Changes of others

std::optional<v1::EdgeUsers> LocationExchange::Assemble(NodeId source, const v1::EdgeUsers& part) {
  auto begun = parts_.find(source);
  if (begun != parts_.end() &&
      !(ContinuesStep(begun->second, part) && part.part() == begun->second.part() + 1)) {
    Refuse("a step that was not finished", absl::StrCat("from node ", source));
    parts_.erase(begun);
    begun = parts_.end();
  }
  if (begun == parts_.end()) {
    if (part.part() > 0) {
      Refuse("a step without its beginning", absl::StrCat("from node ", source));
      return std::nullopt;
    }
    if (!part.more()) return part;
    parts_.emplace(source, part);
    return std::nullopt;
  }
  v1::EdgeUsers& step = begun->second;
  if (UsersIn(step) + UsersIn(part) > kUsersOfEdgeMax) {
    Refuse("more users than an edge can have", absl::StrCat("from node ", source));
    parts_.erase(begun);
    return std::nullopt;
  }
  step.mutable_here()->MergeFrom(part.here());
  step.mutable_left()->MergeFrom(part.left());
  step.set_part(part.part());
  if (part.more()) return std::nullopt;
  v1::EdgeUsers whole = std::move(step);
  whole.set_more(false);
  whole.set_part(0);
  parts_.erase(begun);
  return whole;
}

LocationExchange::Applied LocationExchange::Apply(NodeId source, v1::EdgeUsers change,
                                                  absl::Duration now) {
  const bool by_mgmt = source == kMgmt;
  if (change.edge() == options_.self) {
    if (!by_mgmt && IsNewer(change.epoch(), change.version(), options_.epoch, own_version_)) {
      Refuse("users of this edge itself, as another says", absl::StrCat("node ", source));
      return Applied::kRefused;
    }
    return Applied::kKnown;
  }
  Author* const author = Admit(change.edge(), now);
  if (author == nullptr) return Applied::kRefused;
  // A start that knows nobody yet is at version 0.
  const bool leads_on = change.from() < change.version() || change.version() == 0;
  if (change.epoch() == 0 || (change.gone() ? !by_mgmt : !leads_on)) {
    Refuse("a change of places that makes no sense", absl::StrCat("from node ", source));
    return Applied::kRefused;
  }
  if (change.epoch() < author->epoch) return Applied::kKnown;
  if (change.epoch() > author->epoch) Restart(change.edge(), author, change.epoch(), now);
  if (change.gone()) {
    Lose(change.edge(), author);
    author->by_mgmt = true;
    return Applied::kApplied;
  }
  if (author->lost && !by_mgmt) return Applied::kKnown;  // It must be heard of first.
  if (author->lost && change.from() > 0) return Applied::kGap;
  Revive(change.edge(), author);
  if (by_mgmt) author->by_mgmt = true;
  if (change.version() <= author->version) return Applied::kKnown;
  if (change.from() > author->version) return Applied::kGap;
  if (change.exact() && change.from() != author->version) return Applied::kGap;
  Write(author, change);
  ++counters_.changes_applied;
  const bool is_answer = change.from() == 0 && change.version() > 1;
  if (is_answer && !by_mgmt) {
    GossipToAllBut(source);  // Neighbours who lack it too will ask.
  } else {
    Spread(source, std::move(change));
  }
  return Applied::kApplied;
}

void LocationExchange::Write(Author* author, const v1::EdgeUsers& change) {
  if (change.from() == 0 && author->version > 0) {
    directory_->ReplaceEdge(change.edge(), {change.here().begin(), change.here().end()});
    author->log.clear();
    author->log_users = 0;
  } else {
    for (const UserHash user : change.here()) directory_->Put(user, change.edge());
    for (const UserHash user : change.left()) directory_->Erase(user, change.edge());
    Log(author, author->version, change);
  }
  author->version = change.version();
}

void LocationExchange::Log(Author* author, uint64_t from, const v1::EdgeUsers& change) {
  if (change.exact() || UsersIn(change) > kLogUsersMax) {
    author->log.clear();
    author->log_users = 0;
    return;
  }
  author->log.push_back(change);
  author->log.back().set_from(from);
  author->log.back().clear_told();
  author->log_users += 1 + UsersIn(change);
  while (author->log_users > kLogUsersMax + 1) {
    author->log_users -= 1 + UsersIn(author->log.front());
    author->log.pop_front();
  }
}

void LocationExchange::Restart(NodeId edge, Author* author, Epoch epoch, absl::Duration now) {
  if (author->version > 0) directory_->EraseEdge(edge);
  const bool is_new = author->epoch == 0;
  directory_->SetLost(edge, false);
  *author = Author();
  author->epoch = epoch;
  author->heard = now;
  output_.starts.emplace_back(edge, epoch);
  if (!is_new) GossipToAllBut(kMgmt);  // Its former users are gone.
}

void LocationExchange::Lose(NodeId edge, Author* author) {
  if (author->version > 0) directory_->EraseEdge(edge);
  author->version = 0;
  author->lost = true;
  directory_->SetLost(edge, true);
  author->log.clear();
  author->log_users = 0;
}

void LocationExchange::Revive(NodeId edge, Author* author) {
  if (std::exchange(author->lost, false)) directory_->SetLost(edge, false);
}

// ---- Links

void LocationExchange::SetLinks(absl::Span<const NodeId> up, absl::Duration now) {
  for (auto link = links_.begin(); link != links_.end();) {
    if (std::find(up.begin(), up.end(), link->first) != up.end()) {
      ++link;
      continue;
    }
    const auto author = authors_.find(link->first);
    if (author != authors_.end()) author->second.heard = now;
    parts_.erase(link->first);
    link = links_.erase(link);
  }
  for (const NodeId peer : up) {
    if (peer == kMgmt || peer == options_.self) continue;
    if (links_.try_emplace(peer, peer).second) due_.insert(peer);
  }
}

void LocationExchange::GossipTo(Link* link) {
  link->gossip_due = true;
  due_.insert(link->peer);
}

void LocationExchange::GossipToAllBut(NodeId peer) {
  for (auto& [to, link] : links_) {
    if (to != peer) GossipTo(&link);
  }
}

void LocationExchange::Spread(NodeId source, v1::EdgeUsers change) {
  const bool by_flood = source != kMgmt && source != options_.self;
  std::vector<Link*> targets;
  std::vector<NodeId> told(change.told().begin(), change.told().end());
  const size_t told_before = told.size();
  for (auto& [peer, link] : links_) {
    if (peer == source || peer == change.edge()) continue;
    if (!by_flood && following_ && link.has_mgmt) continue;
    if (std::find(told.begin(), told.begin() + told_before, peer) != told.begin() + told_before) {
      continue;
    }
    targets.push_back(&link);
    told.push_back(peer);
  }
  if (targets.empty()) return;
  told.push_back(options_.self);
  change.mutable_told()->Assign(told.begin(), told.end());
  for (Link* const link : targets) Enqueue(link, change);
}

void LocationExchange::Enqueue(Link* link, const v1::EdgeUsers& change) {
  if (link->queued_users + UsersIn(change) > kQueueUsersMax) {
    ++counters_.dropped;
    return;
  }
  link->queued_users += UsersIn(change);
  due_.insert(link->peer);
  const int most = kPayloadUsersMax;
  int here = 0, left = 0;
  for (uint32_t index = 0; index == 0 || link->queue.back().more(); ++index) {
    v1::EdgeUsers part = HeaderOf(change);
    part.set_part(index);
    for (; here < change.here_size() && part.here_size() < most; ++here) {
      part.add_here(change.here(here));
    }
    for (; left < change.left_size() && part.here_size() + part.left_size() < most; ++left) {
      part.add_left(change.left(left));
    }
    part.set_more(here < change.here_size() || left < change.left_size());
    link->queue.push_back(std::move(part));
  }
}

void LocationExchange::OnLocations(NodeId from, v1::Locations payload, absl::Duration now) {
  if (!checking_) return WorkLocations(from, std::move(payload), now);
  size_t users = 1 + payload.known_size() + payload.wanted_size();
  for (const v1::EdgeUsers& change : payload.changes()) users += 1 + UsersIn(change);
  if (waiting_users_ + users > kQueueUsersMax) {
    ++counters_.dropped;
    return;
  }
  waiting_users_ += users;
  waiting_.emplace_back(from, std::move(payload));
}

void LocationExchange::WorkLocations(NodeId from, v1::Locations payload, absl::Duration now) {
  const auto found = links_.find(from);
  if (found == links_.end()) return;  // It has gone meanwhile.
  Link& link = found->second;
  // It may have told us of itself before, too early; or it needs to know much now.
  if (!link.heard || (link.has_mgmt && !payload.has_mgmt())) GossipTo(&link);
  link.heard = true;
  link.has_mgmt = payload.has_mgmt();
  for (const v1::EdgeUsers& part : payload.changes()) {
    std::optional<v1::EdgeUsers> change = Assemble(from, part);
    if (!change) continue;
    const v1::EdgeVersion row = [&] {
      v1::EdgeVersion row;
      row.set_edge(change->edge());
      row.set_epoch(change->epoch());
      row.set_version(change->version());
      return row;
    }();
    switch (Apply(from, *std::move(change), now)) {
      case Applied::kGap:
        ++counters_.gaps;
        Want(&link, row, &authors_.at(row.edge()), now);
        break;
      case Applied::kKnown:
        ++counters_.changes_known;
        break;
      case Applied::kApplied:
      case Applied::kRefused:
        break;
    }
  }
  for (const v1::EdgeVersion& row : payload.known()) OnKnown(from, &link, row, now);
  for (const v1::EdgeVersion& row : payload.wanted()) OnWanted(&link, row);
}

void LocationExchange::OnKnown(NodeId from, Link* link, const v1::EdgeVersion& row,
                               absl::Duration now) {
  if (row.edge() == options_.self) {
    if (IsNewer(row.epoch(), row.version(), options_.epoch, own_version_)) {
      Refuse("a newer version of this edge itself, as another says", absl::StrCat("node ", from));
    }
    return;
  }
  Author* const author = Admit(row.edge(), now);
  if (author == nullptr || row.epoch() < author->epoch) return;
  if (row.epoch() > author->epoch) Restart(row.edge(), author, row.epoch(), now);
  if (author->lost && author->by_mgmt && following_) return;  // mgmt's word is the newer.
  if (row.beat() > author->beat) {
    author->beat = row.beat();
    author->heard = now;
    Revive(row.edge(), author);
  }
  if (author->lost || row.version() <= author->version) return;
  if (following_) {  // mgmt is likely to tell in a moment.
    if (author->missed <= author->version) {
      author->missed = row.version();
      author->missed_at = now;
      return;
    }
    if (now - author->missed_at < kAskAgainAfter) return;
  }
  Want(link, row, author, now);
}

void LocationExchange::Want(Link* link, const v1::EdgeVersion& row, Author* author,
                            absl::Duration now) {
  if (now - author->asked < kAskAgainAfter) return;
  author->asked = now;
  due_.insert(link->peer);
  v1::EdgeVersion& wanted = link->wanted.emplace_back();
  wanted.set_edge(row.edge());
  wanted.set_epoch(author->epoch);
  wanted.set_version(author->version);
}

void LocationExchange::OnWanted(Link* link, const v1::EdgeVersion& row) {
  const auto found = authors_.find(row.edge());
  if (found == authors_.end() || found->second.lost) return;
  const Author& author = found->second;
  if (!IsNewer(author.epoch, author.version, row.epoch(), row.version())) return;
  const uint64_t from = row.epoch() == author.epoch ? row.version() : 0;
  if (!author.log.empty() && author.log.front().from() <= from) {
    for (const v1::EdgeUsers& step : author.log) {
      if (step.version() > from) Enqueue(link, step);
    }
    return;
  }
  v1::EdgeUsers whole;
  whole.set_edge(row.edge());
  whole.set_epoch(author.epoch);
  whole.set_version(author.version);
  const std::vector<UserHash> users = directory_->UsersAt(row.edge());
  whole.mutable_here()->Assign(users.begin(), users.end());
  Enqueue(link, whole);
}

void LocationExchange::OnLinkReady(NodeId peer) {
  const auto link = links_.find(peer);
  if (link == links_.end()) return;
  link->second.writable = true;
  due_.insert(peer);
}

v1::Locations LocationExchange::Fill(Link* link) {
  v1::Locations payload;
  payload.set_has_mgmt(following_);
  if (std::exchange(link->gossip_due, false)) {
    for (const auto& [edge, author] : authors_) {
      if (author.lost || author.epoch == 0) continue;
      v1::EdgeVersion* const row = payload.add_known();
      row->set_edge(edge);
      row->set_epoch(author.epoch);
      row->set_version(author.version);
      row->set_beat(author.beat);
    }
  }
  for (v1::EdgeVersion& row : link->wanted) *payload.add_wanted() = std::move(row);
  link->wanted.clear();
  size_t users = 0;
  while (!link->queue.empty() && users < kPayloadUsersMax) {
    users += 1 + UsersIn(link->queue.front());
    link->queued_users -= UsersIn(link->queue.front());
    *payload.add_changes() = std::move(link->queue.front());
    link->queue.pop_front();
  }
  return payload;
}

// ---- Time

void LocationExchange::OnTick(absl::Duration now) {
  directory_->set_now(now);
  for (auto& [edge, author] : authors_) {
    if (edge == options_.self || author.lost || checking_) continue;
    if (following_ && author.by_mgmt) continue;
    if (links_.contains(edge)) author.heard = now;
    if (now - std::max(author.heard, without_mgmt_since_) < kSilentMax) continue;
    ++counters_.edges_lost;
    Lose(edge, &author);
    author.by_mgmt = false;
  }
  if (now < next_gossip_) return;
  next_gossip_ = now + kGossipEvery;
  ++authors_[options_.self].beat;
  auto link = links_.lower_bound(gossip_from_);
  const size_t turn = std::max(kGossipLinksAtLeast, links_.size() / kGossipRounds + 1);
  for (size_t left = std::min(links_.size(), turn); left > 0; --left, ++link) {
    if (link == links_.end()) link = links_.begin();
    GossipTo(&link->second);
  }
  gossip_from_ = link == links_.end() ? 0 : link->first;
}

LocationExchange::Output LocationExchange::Take() {
  for (const NodeId peer : std::exchange(due_, {})) {
    const auto found = links_.find(peer);
    if (found == links_.end() || !found->second.writable) continue;
    Link& link = found->second;
    if (!link.gossip_due && link.wanted.empty() && link.queue.empty()) continue;
    link.writable = false;
    output_.to_links.emplace_back(peer, Fill(&link));
  }
  return std::exchange(output_, Output());
}

}  // namespace convergia::edge
