#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bench/load/dialect.h"

namespace convergia::bench {
namespace {

// NATS client protocol: https://docs.nats.io/reference/reference-protocols/nats-protocol
class NatsDialect final : public Dialect {
 public:
  NatsDialect(std::string subject, absl::string_view to, absl::string_view body, bool verbose)
      : subject_(std::move(subject)), verbose_(verbose) {
    message_ = absl::StrCat("PUB ", to, " ", body.size(), "\r\n", body, "\r\n");
  }

  bool greets_in_plain() const override { return true; }

  std::string Opening() override {
    return absl::StrCat("CONNECT {\"verbose\":", verbose_ ? "true" : "false",
                        ",\"pedantic\":false,\"tls_required\":true}\r\nSUB ", subject_,
                        " 1\r\nPING\r\n");
  }

  bool ready() const override { return ready_; }
  bool answers() const override { return verbose_; }
  void AppendMessage(std::string* out) override { out->append(message_); }

  absl::Status Read(absl::Span<char> input, Tally* tally, std::string* out) override {
    absl::string_view rest(input.data(), input.size());
    if (!held_.empty()) {
      absl::StrAppend(&held_, rest);
      rest = held_;
    }
    while (true) {
      const size_t end = rest.find("\r\n");
      if (end == absl::string_view::npos) break;
      const absl::string_view line = rest.substr(0, end);
      size_t used = end + 2;
      if (absl::StartsWith(line, "MSG ")) {
        size_t bytes = 0;
        if (!absl::SimpleAtoi(line.substr(line.rfind(' ') + 1), &bytes)) {
          return absl::InternalError(absl::StrCat("not a size: ", line));
        }
        used += bytes + 2;
        if (rest.size() < used) break;
        ++tally->deliveries;
      } else if (line == "+OK") {
        if (ready_) ++tally->answers;
      } else if (line == "PONG") {
        ready_ = true;
      } else if (line == "PING") {
        out->append("PONG\r\n");
      } else if (absl::StartsWith(line, "-ERR")) {
        return absl::InternalError(std::string(line));
      }
      rest.remove_prefix(used);
    }
    std::string still(rest);
    held_.swap(still);
    return absl::OkStatus();
  }

 private:
  const std::string subject_;
  const bool verbose_;
  std::string message_;
  std::string held_;  // An unfinished line or message.
  bool ready_ = false;
};

}  // namespace

std::unique_ptr<Dialect> MakeNatsDialect(std::string subject, std::string to, std::string body,
                                         bool verbose) {
  return std::make_unique<NatsDialect>(std::move(subject), to, body, verbose);
}

}  // namespace convergia::bench
