#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/store/replicated/replicated_log.h"

namespace convergia::store {

// Decides when a replica campaigns, leads and stops. A replica leads at most once in a process:
// after it has lost or resigned its leadership the process ends, and starts again as a standby.
//
//   kFollowing -> kCampaigning -> kCatchingUp -> kLeading -> kStopping -> kEnded
//
// A core: no thread, no I/O, no clock, no randomness. Not thread-safe.
class ElectionPlan {
 public:
  struct Options {
    std::string replica;
    std::string address;
    absl::Duration lease;
    std::string start;  // Unpredictable, of this process. Its campaigns are named after it.
  };
  enum class Stage { kFollowing, kCampaigning, kCatchingUp, kLeading, kStopping, kEnded };

  // The answer to an event; several may be set, to be done in this order.
  struct Actions {
    std::optional<uint64_t> resign;    // Resign the leadership with this key.
    std::optional<Campaign> campaign;  // Then OnCampaignAnswer().
    std::optional<Term> catch_up;      // Apply everything up to its head; then OnCaughtUp().
    std::optional<Term> lead;          // Accept commits from here on.
    bool stop_commits = false;         // Finish those that wait, refuse others; then OnStopped().
    bool end = false;                  // End the process in order.
  };

  explicit ElectionPlan(Options options) : options_(std::move(options)) {}

  // Says whether this replica may lead: it follows the log, lacks nothing that the log no longer
  // has, and is healthy. At first it may not.
  Actions OnReady(bool is_ready);
  // The leader, as the log says; nullopt: nobody leads.
  Actions OnLeader(const std::optional<Leader>& leader);
  Actions OnCampaignAnswer(const CampaignAnswer& answer);
  Actions OnCaughtUp();
  // The lease has ended or will soon, or the store is FENCED.
  Actions OnFenced();
  // The operator stops this process.
  Actions OnResign();
  Actions OnStopped();

  Stage stage() const { return stage_; }

 private:
  Actions CampaignIfFree();
  Actions End();
  bool IsOwn(const Leader& leader) const;

  const Options options_;
  Stage stage_ = Stage::kFollowing;
  bool is_ready_ = false;
  bool is_free_ = false;  // Nobody leads, as far as is known.
  int campaigns_ = 0;
  Campaign campaign_;  // The latest.
  Term term_;          // From kCatchingUp on.
};

}  // namespace convergia::store
