// The part of LocationExchange that hears mgmt.

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "edge/directory/location_exchange.h"

namespace convergia::edge {
namespace {

// An answer of mgmt comes within this time, or mgmt is asked again.
constexpr absl::Duration kAskMgmtAgainAfter = absl::Seconds(5);

}  // namespace

void LocationExchange::AskMgmt(const v1::DirectoryPosition& after, absl::Duration now) {
  if (asked_mgmt_ && now - *asked_mgmt_ < kAskMgmtAgainAfter) return;
  asked_mgmt_ = now;
  *output_.to_mgmt.emplace_back().mutable_directory_resync() = after;
}

void LocationExchange::OnDetached(absl::Duration now) {
  parts_.erase(kMgmt);
  position_.Clear();
  asked_mgmt_.reset();
  if (std::exchange(following_, false)) {
    without_mgmt_since_ = now;
    GossipToAllBut(kMgmt);
  }
  EndCheck(now);
}

void LocationExchange::OnBatch(const v1::DirectoryBatch& batch, absl::Duration now) {
  if (!following_ || checking_) return;  // The buckets contain it.
  const v1::DirectoryPosition& at = batch.position();
  if (at.epoch() == position_.epoch() && at.sequence() <= position_.sequence()) {
    return Refuse("a directory batch that came before", absl::StrCat("number ", at.sequence()));
  }
  if (at.epoch() != position_.epoch() || at.sequence() != position_.sequence() + 1) {
    ++counters_.gaps;
    Refuse("a directory batch out of order",
           absl::StrCat("number ", at.sequence(), " after ", position_.sequence()));
    return AskMgmt(position_, now);
  }
  position_ = at;
  asked_mgmt_.reset();
  bool fits = true;
  for (const v1::EdgeUsers& part : batch.edges()) {
    std::optional<v1::EdgeUsers> change = Assemble(kMgmt, part);
    if (!change) continue;
    const Applied applied = Apply(kMgmt, *std::move(change), now);
    counters_.gaps += applied == Applied::kGap;
    fits &= applied == Applied::kApplied || applied == Applied::kKnown;
  }
  if (!fits) AskMgmt({}, now);  // Compares all.
}

void LocationExchange::OnCheck() {
  parts_.erase(kMgmt);
  buckets_.clear();
  checking_ = true;
  output_.to_mgmt.emplace_back().mutable_directory_digests()->set_digests(
      EncodeDigests(directory_->digests()));
}

bool LocationExchange::IsSound(const v1::DirectoryBuckets& part) const {
  if (!checking_ || part.epoch() == 0 || buckets_.size() > kDirectoryBuckets) return false;
  if (!buckets_.empty() && (buckets_.front().epoch() != part.epoch() ||
                            buckets_.front().sequence() != part.sequence())) {
    return false;
  }
  return std::all_of(part.buckets().begin(), part.buckets().end(), [](const auto& bucket) {
    return bucket.index() < kDirectoryBuckets && bucket.users_size() == bucket.edges_size() &&
           std::all_of(bucket.users().begin(), bucket.users().end(),
                       [&](UserHash user) { return BucketOf(user) == bucket.index(); });
  });
}

void LocationExchange::OnBuckets(v1::DirectoryBuckets part, absl::Duration now) {
  if (!IsSound(part)) {
    Refuse("parts of the directory that make no sense", absl::StrCat("at ", part.sequence()));
    if (checking_) EndCheck(now);
    return AskMgmt({}, now);
  }
  const bool more = part.more();
  buckets_.push_back(std::move(part));
  if (more) return;
  ApplyBuckets(now);
  position_.set_epoch(buckets_.front().epoch());
  position_.set_sequence(buckets_.front().sequence());
  following_ = true;
  asked_mgmt_.reset();
  GossipToAllBut(kMgmt);
  EndCheck(now);
}

void LocationExchange::ApplyBuckets(absl::Duration now) {
  absl::flat_hash_map<NodeId, const v1::EdgeVersion*> at_mgmt;
  for (const v1::EdgeVersion& row : buckets_.front().edges()) {
    if (row.edge() == options_.self || Admit(row.edge(), now) != nullptr)
      at_mgmt[row.edge()] = &row;
  }
  // Which authors are better known here. What nobody has heard of is as good as kept: it is empty.
  absl::flat_hash_map<NodeId, bool> kept;
  for (auto& [edge, author] : authors_) {
    const auto row = at_mgmt.find(edge);
    kept[edge] = edge == options_.self || (row != at_mgmt.end() && !author.lost &&
                                           IsNewer(author.epoch, author.version,
                                                   row->second->epoch(), row->second->version()));
    if (row != at_mgmt.end() || edge == options_.self) continue;
    Lose(edge, &author);  // mgmt would know it.
    author.by_mgmt = true;
  }
  std::vector<Directory::UserAt> places;
  for (const v1::DirectoryBuckets& part : buckets_) {
    for (const v1::DirectoryBucket& bucket : part.buckets()) {
      places.clear();
      for (int i = 0; i < bucket.users_size(); ++i) {
        if (at_mgmt.contains(bucket.edges(i))) places.push_back({bucket.users(i), bucket.edges(i)});
      }
      directory_->ReplaceBucket(bucket.index(), places,
                                [&kept](NodeId edge) { return kept.contains(edge) && kept[edge]; });
      ++counters_.buckets_replaced;
    }
  }
  for (const auto& [edge, row] : at_mgmt) {
    Author& author = authors_.at(edge);
    if (edge != options_.self) author.by_mgmt = true;
    if (kept[edge]) continue;
    if (author.epoch != row->epoch() || author.version != row->version()) {
      author.log.clear();
      author.log_users = 0;
    }
    if (author.epoch != row->epoch()) author.beat = 0;
    author.epoch = row->epoch();
    author.version = row->version();
    Revive(edge, &author);
    author.heard = now;
  }
}

void LocationExchange::EndCheck(absl::Duration now) {
  checking_ = false;
  buckets_.clear();
  waiting_users_ = 0;
  for (auto& [from, payload] : std::exchange(waiting_, {})) {
    WorkLocations(from, std::move(payload), now);
  }
}

}  // namespace convergia::edge
