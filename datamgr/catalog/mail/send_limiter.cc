#include "datamgr/catalog/mail/send_limiter.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"

namespace convergia::datamgr {
namespace {

constexpr absl::Duration kWindow = absl::Minutes(1);
// Above this number of users, those without a message in the window are forgotten.
constexpr size_t kUsersMax = 10'000;

void DropOld(std::deque<absl::Duration>& sent, absl::Duration now) {
  while (!sent.empty() && now - sent.front() >= kWindow) sent.pop_front();
}

}  // namespace

absl::Status SendLimiter::Check(const std::string& user, absl::Duration now) {
  const auto found = sent_.find(user);
  if (found == sent_.end()) return absl::OkStatus();
  DropOld(found->second, now);
  if (found->second.size() < per_minute_) return absl::OkStatus();
  const absl::Duration wait = found->second.front() + kWindow - now;
  return Fail(FailCode::kRate,
              absl::StrCat("you send at most ", per_minute_, " messages a minute; try again in ",
                           absl::ToInt64Seconds(absl::Ceil(wait, absl::Seconds(1))), " seconds"));
}

void SendLimiter::OnSent(const std::string& user, absl::Duration now) {
  if (sent_.size() >= kUsersMax && !sent_.contains(user)) {
    absl::erase_if(sent_, [now](auto& entry) {
      DropOld(entry.second, now);
      return entry.second.empty();
    });
  }
  std::deque<absl::Duration>& sent = sent_[user];
  sent.push_back(now);
  if (sent.size() > per_minute_) sent.pop_front();
}

}  // namespace convergia::datamgr
