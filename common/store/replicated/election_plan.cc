#include "common/store/replicated/election_plan.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace convergia::store {

ElectionPlan::Actions ElectionPlan::OnReady(bool is_ready) {
  is_ready_ = is_ready;
  return CampaignIfFree();
}

ElectionPlan::Actions ElectionPlan::OnLeader(const std::optional<Leader>& leader) {
  is_free_ = !leader.has_value();
  const bool is_own = leader.has_value() && IsOwn(*leader);
  Actions actions;
  switch (stage_) {
    case Stage::kFollowing:
      // A campaign without an answer was carried out late. Nobody renews its lease.
      if (is_own) actions.resign = leader->key;
      return is_own ? actions : CampaignIfFree();
    case Stage::kCatchingUp:
    case Stage::kLeading:
    case Stage::kStopping:
      // An old message may name an old leader; keys grow with every election.
      if (leader.has_value() && leader->key > term_.key) return End();
      return actions;
    case Stage::kCampaigning:
    case Stage::kEnded:
      return actions;
  }
  return actions;
}

ElectionPlan::Actions ElectionPlan::CampaignIfFree() {
  Actions actions;
  if (stage_ != Stage::kFollowing || !is_ready_ || !is_free_) return actions;
  stage_ = Stage::kCampaigning;
  campaign_ = {options_.replica, options_.address, absl::StrCat(options_.start, "/", ++campaigns_),
               options_.lease};
  actions.campaign = campaign_;
  return actions;
}

ElectionPlan::Actions ElectionPlan::OnCampaignAnswer(const CampaignAnswer& answer) {
  Actions actions;
  if (stage_ != Stage::kCampaigning) {
    if (answer.kind == CampaignAnswer::Kind::kWon) actions.resign = answer.term.key;
    return actions;
  }
  switch (answer.kind) {
    case CampaignAnswer::Kind::kWon:
      stage_ = Stage::kCatchingUp;
      term_ = answer.term;
      actions.catch_up = term_;
      return actions;
    case CampaignAnswer::Kind::kLost:
      stage_ = Stage::kFollowing;
      return OnLeader(answer.leader);
    case CampaignAnswer::Kind::kNoAnswer:
      actions.campaign = campaign_;
      return actions;
  }
  return actions;
}

ElectionPlan::Actions ElectionPlan::OnCaughtUp() {
  Actions actions;
  if (stage_ != Stage::kCatchingUp) return actions;
  stage_ = Stage::kLeading;
  actions.lead = term_;
  return actions;
}

ElectionPlan::Actions ElectionPlan::OnFenced() {
  if (stage_ == Stage::kFollowing || stage_ == Stage::kCampaigning) return {};
  return End();
}

ElectionPlan::Actions ElectionPlan::OnResign() {
  if (stage_ == Stage::kStopping) return {};
  if (stage_ == Stage::kLeading) {
    stage_ = Stage::kStopping;
    Actions actions;
    actions.stop_commits = true;
    return actions;
  }
  const bool has_won = stage_ == Stage::kCatchingUp;
  Actions actions = End();
  if (has_won) actions.resign = term_.key;
  return actions;
}

ElectionPlan::Actions ElectionPlan::OnStopped() {
  if (stage_ != Stage::kStopping) return {};
  Actions actions = End();
  actions.resign = term_.key;
  return actions;
}

ElectionPlan::Actions ElectionPlan::End() {
  Actions actions;
  actions.end = stage_ != Stage::kEnded;
  stage_ = Stage::kEnded;
  return actions;
}

bool ElectionPlan::IsOwn(const Leader& leader) const {
  return absl::StartsWith(leader.candidacy, absl::StrCat(options_.start, "/"));
}

}  // namespace convergia::store
