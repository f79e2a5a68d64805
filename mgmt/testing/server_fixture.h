#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "common/identity/key.h"
#include "common/lineserver/testing/test_client.h"
#include "common/rpc/auth/credentials.h"
#include "common/rpc/epochs/epoch_metadata.h"
#include "convergia/v1/accounts.grpc.pb.h"
#include "convergia/v1/admin.grpc.pb.h"
#include "convergia/v1/cluster.grpc.pb.h"
#include "mgmt/mgmt_server.h"

namespace convergia::mgmt {

// Paints no picture; the word is always kWord.
class FakePainter final : public CaptchaPainter {
 public:
  static constexpr char kWord[] = "KWMPR";
  absl::StatusOr<Captcha> Paint() override { return Captcha{kWord, "\xFF\xD8 a picture"}; }
};

// A node that a test plays: one certificate and one attach stream. Blocking; every wait is bounded.
class FakeNode {
 public:
  FakeNode(const std::string& mgmt_address, const rpc::TlsFiles& files);
  ~FakeNode();

  // Opens the stream and sends Hello.
  void Attach(uint64_t epoch, const std::string& line_address = "127.0.0.1:1");
  bool Send(const v1::FromNode& message) { return stream_->Write(message); }
  void Announce(const std::vector<std::string>& users, bool whole = true);
  // Returns the next message of this kind and skips others. Answers a DirectoryCheck like an edge
  // that knows no users. Returns an empty message once the stream has ended.
  v1::ToNode Await(v1::ToNode::KindCase kind);
  // Reads until a message satisfies `is_it`; false once the stream has ended.
  bool AwaitThat(const std::function<bool(const v1::ToNode&)>& is_it);
  // Reads until mgmt ends the stream; returns its status.
  grpc::Status AwaitEnd();
  // Which leader mgmt named at the end. After AwaitEnd().
  std::string said_leader() const { return rpc::SaidLeader(*context_); }

  v1::Accounts::Stub& accounts() { return *accounts_; }
  v1::Cluster::Stub& cluster() { return *cluster_; }
  v1::Admin::Stub& admin() { return *admin_; }

 private:
  bool Read(v1::ToNode* message);

  uint64_t version_ = 0;  // The version of the last announcement.
  std::unique_ptr<v1::Accounts::Stub> accounts_;
  std::unique_ptr<v1::Cluster::Stub> cluster_;
  std::unique_ptr<v1::Admin::Stub> admin_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::FromNode, v1::ToNode>> stream_;
};

// A complete management server on free ports with its own cluster. Only captchas are fake, and
// password hashes are cheap.
class ServerFixture : public testing::Test {
 protected:
  // A test may change the configuration before Start().
  ServerFixture();
  void Start();
  // Like a kill: starts a new server over the data on disk.
  void Restart();
  // Until Restart(), no process has the store open.
  void Stop();

  std::string Path(absl::string_view name) const { return config_.dir() + "/" + std::string(name); }
  const std::string& ca_pem_path() const { return ca_pem_path_; }

  // Calls with the first operator's certificate.
  v1::Admin::Stub& admin() { return *admin_; }
  void CreateAccount(const std::string& user, const std::string& password);
  std::string MakeToken(v1::Role role, const std::string& name = "");
  // The text of a token of this cluster with a secret that mgmt did not make.
  std::string ForgedToken() const;
  // Enrols with `token` and saves the files; returns mgmt's answer.
  absl::Status Enrol(const std::string& token, const std::string& name, rpc::TlsFiles* files);
  // Does all of this, and fails the test if it fails.
  rpc::TlsFiles EnrolNode(v1::Role role, const std::string& name);

  std::unique_ptr<lineserver::TestClient> Connect(const std::string& address);
  // A client that is signed in on the port for clients.
  std::unique_ptr<lineserver::TestClient> SignIn(const std::string& user,
                                                 const std::string& password);

  v1::MgmtConfig config_;
  FakePainter painter_;
  const Clock* clock_ = nullptr;  // For the next start; null is the machine's clock.
  std::unique_ptr<MgmtServer> server_;

 private:
  void Serve();

  std::string ca_pem_path_;
  std::unique_ptr<v1::Admin::Stub> admin_;
};

// True if `message` tells an edge where `user` is.
bool Names(const v1::ToNode& message, const std::string& user);

// A deadline that no healthy call needs.
std::unique_ptr<grpc::ClientContext> NewContext();

}  // namespace convergia::mgmt
