#include "bench/load/load.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"

namespace convergia::bench {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr int kSignInsAtOnce = 4;
constexpr absl::Duration kReadyTimeout = absl::Seconds(120);
constexpr absl::Duration kProbeAgain = absl::Milliseconds(100);
constexpr absl::Duration kStragglers = absl::Milliseconds(200);
constexpr absl::Duration kIdle = absl::Seconds(1);
constexpr int kUnderWayMax = 10'000;  // Of one sender at a fixed rate.

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

absl::Status SystemError(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

// One TCP and TLS connection: opened with blocking calls, then driven by epoll.
class Wire {
 public:
  explicit Wire(LoadConnection spec) : spec_(std::move(spec)) {}
  ~Wire() {
    if (fd_ >= 0) close(fd_);
  }

  absl::Status Open(SSL_CTX* context) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return SystemError("socket");
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(spec_.port));
    inet_pton(AF_INET, spec_.host.c_str(), &address.sin_addr);
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      return SystemError(absl::StrCat("connect to ", spec_.host, ":", spec_.port));
    }
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (spec_.dialect->greets_in_plain()) CVG_RETURN_IF_ERROR(SkipPlainLine());
    ssl_.reset(SSL_new(context));
    SSL_set_fd(ssl_.get(), fd_);
    if (SSL_connect(ssl_.get()) != 1) return absl::UnavailableError("TLS handshake failed");
    fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK);
    out_ = spec_.dialect->Opening();
    return Flush();
  }

  // Reads what is there. `buffer` is scratch.
  absl::Status ReadAll(absl::Span<char> buffer, Tally* tally) {
    while (true) {
      ERR_clear_error();
      const int count = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
      if (count <= 0) {
        if (SSL_get_error(ssl_.get(), count) == SSL_ERROR_WANT_READ) return absl::OkStatus();
        return absl::UnavailableError("the server closed a connection");
      }
      CVG_RETURN_IF_ERROR(spec_.dialect->Read(buffer.subspan(0, count), tally, &out_));
    }
  }

  absl::Status Flush() {
    while (!out_.empty()) {
      ERR_clear_error();
      const int count = SSL_write(ssl_.get(), out_.data(), static_cast<int>(out_.size()));
      if (count <= 0) {
        const int error = SSL_get_error(ssl_.get(), count);
        if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ) return absl::OkStatus();
        return absl::UnavailableError("the server closed a connection");
      }
      out_.erase(0, count);
    }
    return absl::OkStatus();
  }

  void Send(absl::Duration now) {
    spec_.dialect->AppendMessage(&out_);
    sent_at_.push_back(now);
  }

  absl::Duration TakeOldest() {
    const absl::Duration oldest = sent_at_.front();
    sent_at_.pop_front();
    return oldest;
  }

  // Until the load begins: whether a message has reached the other end.
  bool reached() const { return reached_; }
  void set_reached() { reached_ = true; }
  bool ProbeIsDue(absl::Duration now) const {
    return sent_at_.empty() || now - sent_at_.back() > kProbeAgain;
  }
  void ForgetSent() { sent_at_.clear(); }

  int fd() const { return fd_; }
  bool sends() const { return spec_.sends; }
  int under_way() const { return static_cast<int>(sent_at_.size()); }
  Dialect& dialect() { return *spec_.dialect; }

  // Of a receiver: whose messages it gets.
  Wire* sender() const { return sender_; }
  void set_sender(Wire* sender) { sender_ = sender; }

 private:
  absl::Status SkipPlainLine() {
    for (char c = 0; c != '\n';) {
      if (read(fd_, &c, 1) != 1) return SystemError("greeting");
    }
    return absl::OkStatus();
  }

  LoadConnection spec_;
  Wire* sender_ = nullptr;
  int fd_ = -1;
  bool reached_ = false;
  std::unique_ptr<SSL, SslFree> ssl_;
  std::string out_;
  std::deque<absl::Duration> sent_at_;  // When each message under way was sent, oldest first.
};

class Generator {
 public:
  explicit Generator(const LoadOptions& options) : options_(options), buffer_(kReadBytes) {}
  ~Generator() {
    if (epoll_ >= 0) close(epoll_);
  }

  absl::Status Open(std::vector<LoadConnection> connections) {
    if (epoll_ < 0) CVG_RETURN_IF_ERROR(Prepare());
    for (LoadConnection& connection : connections) {
      auto wire = std::make_unique<Wire>(std::move(connection));
      CVG_RETURN_IF_ERROR(wire->Open(context_.get()));
      epoll_event event = {};
      event.events = EPOLLIN | EPOLLOUT | EPOLLET;
      event.data.ptr = wire.get();
      if (epoll_ctl(epoll_, EPOLL_CTL_ADD, wire->fd(), &event) != 0) return SystemError("epoll");
      // Pairs lie side by side: the sender, then its receiver.
      if (!wire->sends()) wire->set_sender(wires_.empty() ? wire.get() : wires_.back().get());
      wires_.push_back(std::move(wire));
      // A few at a time: a server may bound how many sign in at once.
      CVG_RETURN_IF_ERROR(WaitUntilReady(/*others=*/kSignInsAtOnce));
    }
    return WaitUntilReady(/*others=*/0);
  }

  // Waits until messages reach every receiver: a sign-in is not known everywhere at once.
  absl::Status AwaitReachable() {
    probing_ = true;
    const absl::Duration deadline = clock_.Elapsed() + kReadyTimeout;
    while (true) {
      const absl::Duration now = clock_.Elapsed();
      bool all = true;
      for (const auto& wire : wires_) {
        if (!wire->sends() || wire->reached()) continue;
        all = false;
        if (!wire->ProbeIsDue(now)) continue;
        wire->Send(now);
        CVG_RETURN_IF_ERROR(wire->Flush());
      }
      if (all) break;
      if (now > deadline) return absl::DeadlineExceededError("not all receivers are reached");
      CVG_RETURN_IF_ERROR(Turn(now + absl::Milliseconds(10)));
    }
    CVG_RETURN_IF_ERROR(Turn(clock_.Elapsed() + kStragglers));
    for (const auto& wire : wires_) wire->ForgetSent();
    probing_ = false;
    return absl::OkStatus();
  }

  absl::Status Idle(absl::Duration time) { return Turn(clock_.Elapsed() + time); }

  absl::StatusOr<LoadResult> Run() {
    if (options_.rate > 0) {
      for (const auto& wire : wires_) {
        if (wire->sends()) senders_.push_back(wire.get());
      }
      due_ = clock_.Elapsed();
    } else {
      FillAll();
    }
    CVG_RETURN_IF_ERROR(Turn(clock_.Elapsed() + options_.warm_up));
    result_ = LoadResult();
    latencies_.clear();
    const absl::Duration start = clock_.Elapsed();
    const absl::Duration cpu = ServersCpu();
    CVG_RETURN_IF_ERROR(Turn(start + options_.run));
    result_.server_cpu = ServersCpu() - cpu;
    result_.elapsed = clock_.Elapsed() - start;
    std::sort(latencies_.begin(), latencies_.end());
    if (!latencies_.empty()) {
      result_.p50 = latencies_[latencies_.size() / 2];
      result_.p99 = latencies_[latencies_.size() * 99 / 100];
    }
    return result_;
  }

  absl::Duration ServersCpu() const {
    absl::Duration sum;
    for (const int pid : options_.server_pids) sum += ProcessCpu(pid);
    return sum;
  }

 private:
  absl::Status Prepare() {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_mode(context_.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context_.get(), 1);
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    return epoll_ < 0 ? SystemError("epoll") : absl::OkStatus();
  }

  static constexpr size_t kSamplesMax = 1 << 20;

  // Until no more than `others` are not ready.
  absl::Status WaitUntilReady(int others) {
    const absl::Duration deadline = clock_.Elapsed() + kReadyTimeout;
    while (std::count_if(wires_.begin(), wires_.end(),
                         [](const auto& wire) { return !wire->dialect().ready(); }) > others) {
      if (clock_.Elapsed() > deadline) return absl::DeadlineExceededError("not all are signed in");
      CVG_RETURN_IF_ERROR(Turn(clock_.Elapsed() + absl::Milliseconds(2)));
    }
    return absl::OkStatus();
  }

  // Serves events until `end`.
  absl::Status Turn(absl::Duration end) {
    std::array<epoll_event, 256> events;
    while (true) {
      const absl::Duration now = clock_.Elapsed();
      if (now >= end) return absl::OkStatus();
      if (!senders_.empty()) CVG_RETURN_IF_ERROR(SendDue(now));
      const absl::Duration until = senders_.empty() ? end : std::min(end, due_);
      const timespec wait =
          absl::ToTimespec(std::max(until - clock_.Elapsed(), absl::ZeroDuration()));
      const int count = epoll_pwait2(epoll_, events.data(), events.size(), &wait, nullptr);
      for (int i = 0; i < count; ++i) {
        CVG_RETURN_IF_ERROR(Serve(*static_cast<Wire*>(events[i].data.ptr)));
      }
    }
  }

  absl::Status Serve(Wire& wire) {
    Tally tally;
    CVG_RETURN_IF_ERROR(wire.ReadAll(absl::MakeSpan(buffer_), &tally));
    if (tally.refusals > 0 && !probing_) return absl::InternalError(tally.refusal);
    result_.deliveries += tally.deliveries;
    const int done = wire.dialect().answers() ? tally.answers : tally.deliveries;
    Wire& sender = wire.dialect().answers() || wire.sends() ? wire : *wire.sender();
    if (probing_) {
      if (done > 0) sender.set_reached();
      return wire.Flush();
    }
    Complete(sender, done);
    if (&sender != &wire) CVG_RETURN_IF_ERROR(sender.Flush());
    return wire.Flush();
  }

  void Complete(Wire& sender, int count) {
    const absl::Duration now = clock_.Elapsed();
    for (int i = 0; i < count && sender.under_way() > 0; ++i) {
      const absl::Duration latency = now - sender.TakeOldest();
      if (latencies_.size() < kSamplesMax) latencies_.push_back(latency);
      ++result_.messages;
      if (senders_.empty()) sender.Send(now);
    }
  }

  // All messages that are due by `now`, from each sender in turn.
  absl::Status SendDue(absl::Duration now) {
    const absl::Duration pace = absl::Seconds(1) / options_.rate;
    for (; due_ <= now; due_ += pace) {
      Wire& sender = *senders_[next_sender_++ % senders_.size()];
      if (sender.under_way() >= kUnderWayMax) {
        return absl::ResourceExhaustedError("the server does not keep up with this rate");
      }
      sender.Send(due_);
      CVG_RETURN_IF_ERROR(sender.Flush());
    }
    return absl::OkStatus();
  }

  void FillAll() {
    const absl::Duration now = clock_.Elapsed();
    for (const auto& wire : wires_) {
      while (wire->sends() && wire->under_way() < options_.in_flight) wire->Send(now);
      wire->Flush().IgnoreError();  // A broken one shows at its next event.
    }
  }

  const LoadOptions& options_;
  const Clock& clock_ = RealClock::Get();
  std::vector<char> buffer_;
  std::unique_ptr<SSL_CTX, SslFree> context_;
  int epoll_ = -1;
  std::vector<std::unique_ptr<Wire>> wires_;
  bool probing_ = false;
  std::vector<Wire*> senders_;  // At a fixed rate only: who sends in turn,
  size_t next_sender_ = 0;
  absl::Duration due_;  // and when the next one does.
  std::vector<absl::Duration> latencies_;
  LoadResult result_;
};

}  // namespace

absl::Duration ProcessCpu(int pid) {
  clockid_t clock;
  timespec time;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
    return absl::ZeroDuration();
  }
  return absl::DurationFromTimespec(time);
}

absl::StatusOr<LoadResult> RunLoad(std::vector<LoadConnection> connections,
                                   const LoadOptions& options) {
  Generator generator(options);
  CVG_RETURN_IF_ERROR(generator.Open(std::move(connections)));
  CVG_RETURN_IF_ERROR(generator.AwaitReachable());
  return generator.Run();
}

absl::StatusOr<SessionCost> MeasureSessions(std::vector<LoadConnection> warm_up,
                                            std::vector<LoadConnection> measured,
                                            const std::vector<int>& server_pids) {
  const auto count = static_cast<double>(measured.size());
  LoadOptions options;
  options.server_pids = server_pids;
  const auto memory = [&server_pids] {
    int64_t sum = 0;
    for (const int pid : server_pids) sum += ProcessMemory(pid);
    return sum;
  };
  Generator generator(options);
  CVG_RETURN_IF_ERROR(generator.Open(std::move(warm_up)));
  CVG_RETURN_IF_ERROR(generator.Idle(kIdle));
  const int64_t memory_before = memory();
  const absl::Duration cpu_before = generator.ServersCpu();
  CVG_RETURN_IF_ERROR(generator.Open(std::move(measured)));
  const absl::Duration cpu = generator.ServersCpu() - cpu_before;
  CVG_RETURN_IF_ERROR(generator.Idle(kIdle));
  return SessionCost{.sign_in_cpu = cpu / count,
                     .idle_bytes = static_cast<double>(memory() - memory_before) / count};
}

int64_t ProcessMemory(int pid) {
  int64_t pages_all = 0, pages_resident = 0;
  std::ifstream(absl::StrCat("/proc/", pid, "/statm")) >> pages_all >> pages_resident;
  return pages_resident * sysconf(_SC_PAGESIZE);
}

}  // namespace convergia::bench
