#include "common/store/replicated/testing/replicas.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace convergia::store {

TestReplica::TestReplica(FakeQuorum* quorum, std::string name)
    : quorum_(quorum), name_(std::move(name)) {}

absl::Status TestReplica::Start() {
  log_ = std::make_unique<FakeLog>(quorum_);
  fenced_ = std::make_unique<absl::Notification>();
  ReplicatedStore::Options options;
  options.store.dir = "/store";
  options.store.disk = &disk_;
  options.store.reserve_bytes = 1024 * 1024;
  options.store.history = history;
  options.replica = name_;
  options.secret = secret;
  options.log = log_.get();
  options.trim = trim;
  options.on_fenced = [this](const absl::Status& /*why*/) { fenced_->Notify(); };
  CVG_ASSIGN_OR_RETURN(store_, ReplicatedStore::Open(options));
  return absl::OkStatus();
}

void TestReplica::Kill() {
  if (store_ == nullptr) return;
  store_->Fence(absl::CancelledError("killed"));
  store_.reset();
}

absl::Status TestReplica::Lead() {
  const Campaign campaign = {.replica = name_,
                             .address = absl::StrCat(name_, ":1"),
                             .candidacy = absl::StrCat(name_, "/", ++campaigns_),
                             .lease = absl::Seconds(2)};
  const CampaignAnswer answer = log_->TryCampaign(campaign);
  if (answer.kind != CampaignAnswer::Kind::kWon) return absl::AbortedError("another leads");
  return store_->Lead(answer.term);
}

}  // namespace convergia::store
