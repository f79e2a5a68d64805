#include "mgmt/members/members_executor.h"

#include <memory>
#include <utility>

#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/identity/join_token.h"

namespace convergia::mgmt {
namespace {

absl::Status Busy() {
  return Fail(FailCode::kBusy, "the management server is busy; try again in a few seconds");
}

}  // namespace

MembersExecutor::MembersExecutor(NodeRegistry& registry, const Clock& clock,
                                 const BucketRule& failed_enrolments,
                                 std::function<void()> on_change)
    : registry_(registry),
      clock_(clock),
      on_change_(std::move(on_change)),
      failures_(failed_enrolments),
      work_(/*threads=*/1, kTasksMax) {}

template <typename Result>
void MembersExecutor::Post(absl::AnyInvocable<Result()> task,
                           absl::AnyInvocable<void(Result)> done) {
  struct Job {
    absl::AnyInvocable<Result()> task;
    absl::AnyInvocable<void(Result)> done;
  };
  auto job = std::make_shared<Job>(Job{std::move(task), std::move(done)});
  const bool posted = work_.TryPost([this, job] {
    Result result = job->task();
    if (result.ok()) on_change_();
    job->done(std::move(result));
  });
  if (!posted) {
    job->done(Busy());
  }
}

void MembersExecutor::MakeToken(Role role, absl::string_view name, absl::Duration lifetime,
                                const std::vector<std::string>& addresses,
                                Done<NodeRegistry::NewToken> done) {
  Post<absl::StatusOr<NodeRegistry::NewToken>>(
      [this, role, name = std::string(name), lifetime, addresses] {
        return registry_.MakeToken(role, name, lifetime, addresses, clock_.Now());
      },
      std::move(done));
}

absl::Status MembersExecutor::AdmitAddress(const std::string& group) const {
  absl::MutexLock lock(&mu_);
  const absl::Duration wait = failures_.Wait(group, clock_.Elapsed());
  if (wait == absl::ZeroDuration()) return absl::OkStatus();
  return RateFail("too many enrolments failed from this address", wait);
}

void MembersExecutor::CountFailure(const std::string& group) {
  absl::MutexLock lock(&mu_);
  failures_.Add(group, clock_.Elapsed());
}

void MembersExecutor::Enrol(absl::string_view token_text, absl::string_view name,
                            absl::string_view csr_pem, absl::string_view address,
                            Done<NodeRegistry::Admission> done) {
  std::string group = AddressGroup(address);
  if (absl::Status admitted = AdmitAddress(group); !admitted.ok()) return done(admitted);
  const absl::StatusOr<identity::JoinToken> token = identity::DecodeJoinToken(token_text);
  if (!token.ok() || name.size() > limits::kNameBytesMax || csr_pem.size() > kCsrBytesMax) {
    CountFailure(group);
    return done(token.ok()
                    ? Fail(FailCode::kBadField, "this is no request to enrol: a field is too long")
                    : token.status());
  }
  if (enrols_.fetch_add(1) >= kEnrolsMax) {
    --enrols_;
    return done(Busy());
  }
  Post<absl::StatusOr<NodeRegistry::Admission>>(
      [this, secret = token->secret, name = std::string(name), csr = std::string(csr_pem)] {
        return registry_.Enrol(secret, name, csr, clock_.Now());
      },
      [this, group = std::move(group),
       done = std::move(done)](absl::StatusOr<NodeRegistry::Admission> admission) mutable {
        --enrols_;
        const FailCode code = admission.ok() ? FailCode::kBusy : FailCodeOf(admission.status());
        if (code == FailCode::kDenied || code == FailCode::kBadField) CountFailure(group);
        done(std::move(admission));
      });
}

void MembersExecutor::Renew(const identity::NodeIdentity& identity, absl::string_view csr_pem,
                            Done<std::string> done) {
  Post<absl::StatusOr<std::string>>(
      [this, identity, csr = std::string(csr_pem)] {
        return registry_.Renew(identity, csr, clock_.Now());
      },
      std::move(done));
}

void MembersExecutor::AddOperator(absl::string_view name, absl::string_view csr_pem,
                                  Done<std::string> done) {
  Post<absl::StatusOr<std::string>>(
      [this, name = std::string(name), csr = std::string(csr_pem)] {
        return registry_.AddOperator(name, csr, clock_.Now());
      },
      std::move(done));
}

void MembersExecutor::Revoke(Role role, absl::string_view name, Done<int> done) {
  Post<absl::StatusOr<int>>(
      [this, role, name = std::string(name)] { return registry_.Revoke(role, name); },
      std::move(done));
}

void MembersExecutor::Configure(const v1::ConfigureDataServerRequest& change,
                                Done<v1::NodeConfiguration> done) {
  Post<absl::StatusOr<v1::NodeConfiguration>>(
      [this, change] { return registry_.Configure(change); }, std::move(done));
}

void MembersExecutor::SetDrain(absl::string_view edge, bool drain, absl::Duration within,
                               absl::AnyInvocable<void(absl::Status)> done) {
  Post<absl::Status>([this, edge = std::string(edge), drain,
                      within] { return registry_.SetDrain(edge, drain, within); },
                     std::move(done));
}

void MembersExecutor::Remove(absl::string_view name, absl::AnyInvocable<void(absl::Status)> done) {
  Post<absl::Status>([this, name = std::string(name)] { return registry_.Remove(name); },
                     std::move(done));
}

}  // namespace convergia::mgmt
