#include "client/connect/requester.h"

#include <utility>

#include "absl/synchronization/notification.h"
#include "glog/logging.h"

namespace convergia::client {

struct RequestWindow::Answer {
  absl::Notification there;
  absl::StatusOr<std::string> result;
};

RequestWindow::~RequestWindow() {
  while (!empty()) TakeNext().IgnoreError();
}

void RequestWindow::Send(std::string word, std::vector<std::string> fields) {
  CHECK(!full());
  auto answer = std::make_shared<Answer>();
  answers_.push_back(answer);
  requester_->RequestThen(std::move(word), std::move(fields),
                          [answer](absl::StatusOr<std::string> result) {
                            answer->result = std::move(result);
                            answer->there.Notify();
                          });
}

absl::StatusOr<std::string> RequestWindow::TakeNext() {
  CHECK(!empty());
  const std::shared_ptr<Answer> answer = std::move(answers_.front());
  answers_.pop_front();
  answer->there.WaitForNotification();
  return std::move(answer->result);
}

}  // namespace convergia::client
