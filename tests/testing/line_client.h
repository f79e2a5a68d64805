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

// A client of the line protocol for tests. It is written from docs/PROTOCOL.md alone and shares no
// code with the servers or with our client. So it finds errors on which those two agree. It can
// also send what a correct client never sends.
//
//   ASSERT_OK_AND_ASSIGN(auto alice, LineClient::Connect(address, ca_file));
//   ASSERT_OK_AND_ASSIGN(std::string answer, alice->Ask("LOGIN alice\nsecret"));  // "OK ..."
//
// Packets go in and come out without escapes and without their LF. Each call waits at most
// `patience`. Not thread-safe.
class LineClient {
 public:
  ~LineClient();
  LineClient(const LineClient&) = delete;
  LineClient& operator=(const LineClient&) = delete;

  // Connects, does the TLS handshake, and reads the greeting. An empty `ca_file` trusts any server.
  //
  // Errors: kUnavailable, also if the CA did not issue the server's certificate.
  static absl::StatusOr<std::unique_ptr<LineClient>> Connect(const std::string& address,
                                                             const std::string& ca_file);

  // Opens only the TCP connection: for tests without a handshake, or with plain text.
  static absl::StatusOr<std::unique_ptr<LineClient>> ConnectPlain(const std::string& address);

  // Sends `bytes` unchanged.
  absl::Status Write(absl::string_view bytes);

  // Sends one packet, escaped and with its LF.
  absl::Status Send(absl::string_view packet);

  // Sends `packet` and returns the next answer. Pushes before it are kept for NextPush().
  absl::StatusOr<std::string> Ask(absl::string_view packet);

  // Returns the next answer, or the next push other than PING and INFO. Keeps packets of the other
  // kind.
  absl::StatusOr<std::string> NextAnswer();
  absl::StatusOr<std::string> NextPush();

  // Takes a push that was kept while waiting for an answer; false if there is none.
  bool TakePush(std::string* push);

  // Returns the next packet of any kind. Errors: kOutOfRange: the server has closed.
  // kDeadlineExceeded.
  absl::StatusOr<std::string> Next();

  // Reads until the server closes; false if it does not within the patience.
  bool IsClosedByServer();

  // For loops over many connections: sends and reads what is possible without waiting. Then
  // TakeArrived() sets `*packet` to the next packet, if a complete one has arrived.
  absl::Status Pump();
  bool TakeArrived(std::string* packet);
  void Queue(absl::string_view packet);  // Sent by Pump().
  int fd() const { return fd_; }

  const std::string& greeting() const { return greeting_; }  // INFO's data.

  // The SHA-256 of the server's public key, in the form of a pin (docs/PROTOCOL.md).
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
  size_t scanned_ = 0;  // `arrived_` has no end of a packet before this index.
  bool closed_ = false;
  std::deque<std::string> pushes_;
  std::deque<std::string> answers_;
};

// Removes the escapes of a packet; `wire` has no final LF.
std::string Unescape(absl::string_view wire);
std::string Escape(absl::string_view packet);

}  // namespace convergia::testing
