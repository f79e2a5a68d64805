#pragma once

#include <openssl/types.h>

#include <deque>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace convergia::testing {

// A client of the line protocol for tests: written from docs/PROTOCOL.md alone, sharing no code
// with the servers or with our client, so that it can tell when they agree on something else. It
// also sends what no good client would.
//
//   ASSERT_OK_AND_ASSIGN(auto alice, LineClient::Connect(address, ca_file));
//   ASSERT_OK_AND_ASSIGN(std::string answer, alice->Ask("LOGIN alice\nsecret"));  // "OK ..."
//
// Packets are given and taken without their escapes and their LF. Calls wait at most `patience`.
// Not thread-safe.
class LineClient {
 public:
  ~LineClient();
  LineClient(const LineClient&) = delete;
  LineClient& operator=(const LineClient&) = delete;

  // Connects, shakes hands, and takes the greeting. An empty `ca_file` trusts anybody.
  //
  // Errors: kUnavailable, also for a certificate that the CA did not issue.
  static absl::StatusOr<std::unique_ptr<LineClient>> Connect(const std::string& address,
                                                             const std::string& ca_file);

  // Only the TCP connection, for those who never shake hands or speak plain text.
  static absl::StatusOr<std::unique_ptr<LineClient>> ConnectPlain(const std::string& address);

  // Sends `bytes` as they are.
  absl::Status Write(absl::string_view bytes);

  // Sends one packet, escaped and with its LF.
  absl::Status Send(absl::string_view packet);

  // Sends `packet` and returns the next answer; pushes that come before it wait for NextPush().
  absl::StatusOr<std::string> Ask(absl::string_view packet);

  // The next answer, or the next push (PING and INFO are passed over).
  absl::StatusOr<std::string> NextAnswer();
  absl::StatusOr<std::string> NextPush();

  // A push that was passed over on the way to an answer; false if there is none.
  bool TakePush(std::string* push);

  // Whatever packet has arrived or arrives next. Errors: kOutOfRange: the server has closed;
  // kDeadlineExceeded.
  absl::StatusOr<std::string> Next();

  // Reads on until the server has closed; false if it does not within the patience.
  bool IsClosedByServer();

  // For loops over many connections: sends what waits and reads what is there, without waiting.
  // Then `*packet` is the next packet if one is whole.
  absl::Status Pump();
  bool TakeArrived(std::string* packet);
  void Queue(absl::string_view packet);  // Sent by Pump().
  int fd() const { return fd_; }

  const std::string& greeting() const { return greeting_; }  // INFO's data.

  // SHA-256 of the server's public key, as docs/PROTOCOL.md describes a pin.
  std::string ServerPin() const;

  void set_patience(absl::Duration patience) { patience_ = patience; }

 private:
  explicit LineClient(int fd) : fd_(fd) {}
  absl::Status Handshake(const std::string& ca_file);
  absl::Status WriteOnce();
  absl::Status ReadOnce();
  absl::Status WaitForSocket(bool for_writing, absl::Duration end);
  bool CutPacket(std::string* packet);

  const int fd_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;  // Null: plain text.
  absl::Duration patience_ = absl::Seconds(30);
  std::string greeting_;
  std::string to_send_;
  std::string arrived_;
  size_t scanned_ = 0;  // Up to here `arrived_` holds no end of a packet.
  bool closed_ = false;
  std::deque<std::string> pushes_;
  std::deque<std::string> answers_;
};

// The packet without its escapes; `wire` has no ending LF.
std::string Unescape(absl::string_view wire);
std::string Escape(absl::string_view packet);

}  // namespace convergia::testing
