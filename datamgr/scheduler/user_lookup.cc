#include "datamgr/scheduler/user_lookup.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"

namespace convergia::datamgr {
namespace {

constexpr int kCallsMax = 1'000;
constexpr absl::Duration kTimeout = absl::Seconds(10);
constexpr size_t kKnownMax = 100'000;  // About 10 MB; above it the cache is cleared.

absl::Status NoSuchUser(const std::string& user) {
  return Fail(FailCode::kNoSuchUser,
              absl::StrCat("there is no account ", user, "; check the name"));
}

}  // namespace

MgmtUsers::MgmtUsers(std::function<std::shared_ptr<grpc::Channel>()> channel)
    : channel_(std::move(channel)), calls_(kCallsMax) {}

void MgmtUsers::CheckExist(std::vector<std::string> users,
                           absl::AnyInvocable<void(absl::Status)> done) {
  v1::LookUpRequest request;
  std::vector<std::string> asked;
  {
    absl::MutexLock lock(&mu_);
    for (std::string& user : users) {
      if (known_.contains(user)) continue;
      request.add_usernames(user);
      asked.push_back(std::move(user));
    }
  }
  if (asked.empty()) return done(absl::OkStatus());
  using Async = v1::Accounts::StubInterface::async_interface;
  void (Async::*method)(grpc::ClientContext*, const v1::LookUpRequest*, v1::LookUpResponse*,
                        std::function<void(grpc::Status)>) = &Async::LookUp;
  const std::shared_ptr<v1::Accounts::Stub> stub = v1::Accounts::NewStub(channel_());
  calls_.Call(static_cast<Async*>(stub->async()), method, std::move(request), kTimeout,
              [this, stub, asked = std::move(asked),
               done = std::move(done)](absl::StatusOr<v1::LookUpResponse> response) mutable {
                OnAnswer(asked, response, std::move(done));
              });
}

void MgmtUsers::OnAnswer(const std::vector<std::string>& asked,
                         const absl::StatusOr<v1::LookUpResponse>& response,
                         absl::AnyInvocable<void(absl::Status)> done) {
  const bool is_whole =
      response.ok() && response->usernames_size() == static_cast<int>(asked.size());
  if (!is_whole) {
    return done(Fail(FailCode::kManagementDown,
                     "whether these users exist cannot be known now: the "
                     "management server is away; try again later"));
  }
  absl::Status result;
  {
    absl::MutexLock lock(&mu_);
    if (known_.size() > kKnownMax) known_.clear();
    for (size_t i = 0; i < asked.size(); ++i) {
      const bool exists = !response->usernames(static_cast<int>(i)).empty();
      if (exists) known_.insert(asked[i]);
      if (!exists && result.ok()) result = NoSuchUser(asked[i]);
    }
  }
  done(result);
}

}  // namespace convergia::datamgr
