#include "mgmt/accounts/throttling/known_networks.h"

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "common/base/buckets.h"
#include "common/base/status_macros.h"
#include "mgmt_records.pb.h"

namespace convergia::mgmt {
namespace {

constexpr absl::string_view kPrefix = "known/";

}  // namespace

absl::StatusOr<std::unique_ptr<KnownNetworks>> KnownNetworks::Create(store::Store& store) {
  auto known = std::unique_ptr<KnownNetworks>(new KnownNetworks(store));
  absl::MutexLock lock(&known->mu_);
  auto& by_user = known->by_user_;
  CVG_RETURN_IF_ERROR(store.ForEach(kPrefix, [&](const store::KeyValue& row) -> absl::Status {
    records::KnownNetworks record;
    if (!record.ParseFromString(row.value)) {
      return absl::DataLossError(absl::StrCat("the record ", row.key, " cannot be read"));
    }
    by_user[row.key.substr(kPrefix.size())] = {record.networks().begin(), record.networks().end()};
    return absl::OkStatus();
  }));
  return known;
}

bool KnownNetworks::Contains(const Username& user, absl::string_view address) const {
  const std::string group = AddressGroup(address);
  absl::MutexLock lock(&mu_);
  const auto found = by_user_.find(user.str());
  return found != by_user_.end() && absl::c_linear_search(found->second, group);
}

absl::Status KnownNetworks::Add(const Username& user, absl::string_view address) {
  const std::string group = AddressGroup(address);
  records::KnownNetworks record;
  {
    absl::MutexLock lock(&mu_);
    std::vector<std::string>& networks = by_user_[user.str()];
    const auto place = absl::c_find(networks, group);
    if (place - networks.begin() < kPerAccountMax / 2 && place != networks.end()) {
      return absl::OkStatus();
    }
    if (place != networks.end()) networks.erase(place);
    networks.insert(networks.begin(), group);
    if (networks.size() > kPerAccountMax) networks.pop_back();
    record.mutable_networks()->Assign(networks.begin(), networks.end());
  }
  store::Batch batch;
  batch.Put(absl::StrCat(kPrefix, user.str()), record.SerializeAsString());
  return store_.Commit(std::move(batch)).status();
}

}  // namespace convergia::mgmt
