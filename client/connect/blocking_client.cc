#include "client/connect/blocking_client.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/use_future.hpp>
#include <future>
#include <utility>

namespace convergia::client {
namespace {

absl::Status ClientIsClosed() { return absl::CancelledError("the client is closed"); }

}  // namespace

class BlockingClient::Inbox : public ClientObserver {
 public:
  Inbox(BlockingClient* owner, ClientObserver* next, Messages messages)
      : owner_(owner), next_(next), messages_(messages) {}

  void OnMessage(const Message& message) override {
    if (messages_ == Messages::kToQueue) {
      owner_->TakeMessage(message);
    } else if (next_ != nullptr) {
      next_->OnMessage(message);
    }
  }
  void OnPush(absl::string_view word, absl::string_view data) override {
    if (next_ != nullptr) next_->OnPush(word, data);
  }
  void OnUp(const MainServer& server) override {
    owner_->TakeGaveUp(absl::OkStatus());
    if (next_ != nullptr) next_->OnUp(server);
  }
  void OnDown(const absl::Status& why) override {
    if (next_ != nullptr) next_->OnDown(why);
  }
  void OnGaveUp(const absl::Status& why) override {
    owner_->TakeGaveUp(why);
    if (next_ != nullptr) next_->OnGaveUp(why);
  }
  void OnTicket(absl::string_view ticket, absl::Time expires) override {
    if (next_ != nullptr) next_->OnTicket(ticket, expires);
  }
  void OnMemory(const StartMemory& memory) override {
    if (next_ != nullptr) next_->OnMemory(memory);
  }

 private:
  BlockingClient* const owner_;
  ClientObserver* const next_;
  const Messages messages_;
};

BlockingClient::BlockingClient(ClientOptions options, ClientObserver* observer, Messages messages)
    : io_(1),
      work_(asio::make_work_guard(io_)),
      inbox_(std::make_unique<Inbox>(this, observer, messages)),
      client_(io_, std::move(options), inbox_.get()),
      thread_([this] { io_.run(); }) {}

BlockingClient::~BlockingClient() { Close(); }

template <typename T>
T BlockingClient::Await(asio::awaitable<T> work) {
  std::future<T> result;
  {
    // Work that begins before Close() runs to its end. No later work can run.
    absl::MutexLock lock(&mu_);
    if (closed_) return ClientIsClosed();
    result = asio::co_spawn(io_, std::move(work), asio::use_future);
  }
  return result.get();
}

absl::Status BlockingClient::Connect(absl::Duration timeout) {
  asio::post(io_, [this] { client_.Start(); });
  return Await(client_.WaitUp(timeout));
}

void BlockingClient::SignInAgain(std::string password) {
  absl::MutexLock lock(&mu_);
  if (closed_) return;
  gave_up_ = absl::OkStatus();
  asio::post(io_, [this, password = std::move(password)]() mutable {
    client_.set_password(std::move(password));
    client_.Start();
  });
}

absl::StatusOr<int> BlockingClient::SendMessage(std::string to, std::string body) {
  return Await(client_.SendMessage(std::move(to), std::move(body)));
}

absl::StatusOr<std::string> BlockingClient::Request(std::string word,
                                                    std::vector<std::string> fields) {
  return Await(client_.Request(std::move(word), std::move(fields)));
}

absl::StatusOr<std::string> BlockingClient::RequestAtManagement(std::string word,
                                                                std::vector<std::string> fields) {
  return Await(client_.RequestAtManagement(std::move(word), std::move(fields)));
}

absl::StatusOr<std::string> BlockingClient::RequestWithoutSignIn(std::string word,
                                                                 std::vector<std::string> fields) {
  return Await(client_.RequestWithoutSignIn(std::move(word), std::move(fields)));
}

template <typename T>
void BlockingClient::Begin(std::function<asio::awaitable<T>()> make, std::function<void(T)> done) {
  {
    absl::MutexLock lock(&mu_);
    if (!closed_) {
      // This is posted because co_spawn() on the client's own thread may call back while mu_ is
      // held.
      asio::post(io_, [this, make = std::move(make), done = std::move(done)]() mutable {
        asio::co_spawn(io_, make(), [done = std::move(done)](std::exception_ptr, T result) {
          done(std::move(result));
        });
      });
      return;
    }
  }
  done(ClientIsClosed());
}

void BlockingClient::SendMessageThen(std::string to, std::string body,
                                     std::function<void(absl::StatusOr<int>)> done) {
  Begin<absl::StatusOr<int>>(
      [this, to = std::move(to), body = std::move(body)]() mutable {
        return client_.SendMessage(std::move(to), std::move(body));
      },
      std::move(done));
}

void BlockingClient::RequestThen(std::string word, std::vector<std::string> fields, Done done) {
  Begin<absl::StatusOr<std::string>>(
      [this, word = std::move(word), fields = std::move(fields)]() mutable {
        return client_.Request(std::move(word), std::move(fields));
      },
      std::move(done));
}

void BlockingClient::TakeMessage(const Message& message) {
  bool pause = false;
  {
    absl::MutexLock lock(&mu_);
    messages_.push_back(message);
    message_bytes_ += message.body.size();
    if (!paused_ && QueueIsFull()) pause = paused_ = true;
  }
  if (pause) client_.set_paused(true);
}

void BlockingClient::TakeGaveUp(const absl::Status& why) {
  absl::MutexLock lock(&mu_);
  gave_up_ = why;
}

absl::StatusOr<Message> BlockingClient::NextMessage(absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  const auto has_news = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return !messages_.empty() || !gave_up_.ok() || closed_;
  };
  if (!mu_.AwaitWithTimeout(absl::Condition(&has_news), timeout)) {
    return absl::DeadlineExceededError("no message came");
  }
  if (messages_.empty()) return closed_ ? ClientIsClosed() : gave_up_;
  Message message = std::move(messages_.front());
  messages_.pop_front();
  message_bytes_ -= message.body.size();
  if (paused_ && messages_.size() < kMessagesMax / 2 && message_bytes_ < kMessageBytesMax / 2) {
    paused_ = false;
    asio::post(io_, [this] { client_.set_paused(false); });
  }
  return message;
}

void BlockingClient::Close() {
  {
    absl::MutexLock lock(&mu_);
    if (closed_) return;
    closed_ = true;
  }
  asio::co_spawn(io_, client_.Close(), asio::use_future).get();
  work_.reset();
  thread_.join();
}

}  // namespace convergia::client
