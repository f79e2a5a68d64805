#include "common/rpc/calls/call_pool.h"

#include <vector>

#include "common/base/fail.h"
#include "common/rpc/auth/callback_threads.h"

namespace convergia::rpc {

int CallPool::calls_under_way() const {
  absl::MutexLock lock(&mu_);
  return static_cast<int>(contexts_.size());
}

void CallPool::Stop() {
  std::vector<std::shared_ptr<grpc::ClientContext>> contexts;
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
    for (const auto& [key, context] : contexts_) contexts.push_back(context);
  }
  for (const auto& context : contexts) context->TryCancel();
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(
      +[](CallPool* pool)
           ABSL_EXCLUSIVE_LOCKS_REQUIRED(pool->mu_) { return pool->contexts_.empty(); },
      this));
}

absl::Status CallPool::Admit(std::shared_ptr<grpc::ClientContext> context) {
  KeepCallbackThreads();
  absl::MutexLock lock(&mu_);
  if (stopped_) return absl::CancelledError("this node is stopping");
  if (static_cast<int>(contexts_.size()) >= calls_max_) {
    return Fail(FailCode::kBusy, "too many requests are under way; try again in a moment");
  }
  const grpc::ClientContext* const key = context.get();
  contexts_.emplace(key, std::move(context));
  return absl::OkStatus();
}

void CallPool::Forget(const grpc::ClientContext* context) {
  absl::MutexLock lock(&mu_);
  contexts_.erase(context);
}

}  // namespace convergia::rpc
