#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/load/dialect.h"
#include "common/base/limits.h"
#include "common/line/framer.h"
#include "common/line/reply.h"
#include "common/line/rows.h"

namespace convergia::bench {
namespace {

class ConvergiaDialect final : public Dialect {
 public:
  ConvergiaDialect(std::string user, std::string* secret, absl::string_view to, std::string body)
      : user_(std::move(user)), secret_(*secret), framer_(limits::kServerPacketBytesMax) {
    line::AppendRequest("1", "SENDMESSAGE", {to, body}, &message_);
  }

  std::string Opening() override {
    std::string opening;
    line::AppendRequest("0", "LOGIN", {user_, secret_}, &opening);
    return opening;
  }

  bool ready() const override { return ready_; }
  bool answers() const override { return true; }

  void AppendMessage(std::string* out) override {
    // Ids count, as a client's would: an id must not be reused while its request is outstanding.
    absl::StrAppend(out, ++last_id_, absl::string_view(message_).substr(1));
  }

  absl::Status Read(absl::Span<char> input, Tally* tally, std::string* out) override {
    absl::string_view packet;
    for (line::Framer::Next next;
         (next = framer_.Pull(&input, &packet)) != line::Framer::Next::kNeedMore;) {
      if (next == line::Framer::Next::kTooLong) return absl::InternalError("packet too long");
      absl::StatusOr<line::ServerPacket> read = line::ParseServerPacket(packet);
      if (!read.ok()) return read.status();
      if (absl::Status status = Take(*read, tally, out); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Take(const line::ServerPacket& packet, Tally* tally, std::string* out) {
    switch (packet.kind) {
      case line::ServerPacket::Kind::kFail:
        if (!ready_) return absl::InternalError(absl::StrCat(user_, ": FAIL ", packet.text));
        ++tally->refusals;
        tally->refusal = absl::StrCat(user_, ": FAIL ", packet.text);
        return absl::OkStatus();
      case line::ServerPacket::Kind::kOk:
        if (packet.id == "0") {
          ready_ = true;
          secret_ = std::string(line::ValueInRows(packet.data, "ticket"));
        } else {
          ++tally->answers;
        }
        return absl::OkStatus();
      case line::ServerPacket::Kind::kPush:
        if (packet.word == "RECEIVEMESSAGE") ++tally->deliveries;
        if (packet.word == "PING") out->append("PING\n");
        if (packet.word == "BYE") {
          return absl::UnavailableError(absl::StrCat(user_, ": BYE ", packet.data));
        }
        return absl::OkStatus();
    }
    return absl::OkStatus();
  }

  const std::string user_;
  std::string& secret_;
  std::string message_;  // With the id "1" in front.
  line::Framer framer_;
  uint64_t last_id_ = 0;
  bool ready_ = false;
};

}  // namespace

std::unique_ptr<Dialect> MakeConvergiaDialect(std::string user, std::string* secret, std::string to,
                                              std::string body) {
  return std::make_unique<ConvergiaDialect>(std::move(user), secret, to, std::move(body));
}

}  // namespace convergia::bench
