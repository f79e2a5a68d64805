#include "common/rpc/testing/test_pki.h"

#include <glog/logging.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/identity/files.h"

namespace convergia::rpc {
namespace {

std::string MakeDir() {
  const std::string dir = absl::StrCat(testing::TempDir(), "/pki-", SecureRandomHex(6));
  PCHECK(mkdir(dir.c_str(), 0700) == 0) << dir;
  return dir;
}

void WriteOrDie(const std::string& path, absl::string_view contents) {
  const absl::Status written =
      identity::WriteFileAtomically(path, contents, identity::kSecretFileMode);
  CHECK(written.ok()) << written;
}

}  // namespace

std::shared_ptr<grpc::Channel> MakeStrangersChannel(const std::string& address,
                                                    const std::string& ca_pem) {
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(
      std::make_shared<grpc::experimental::StaticDataCertificateProvider>(ca_pem));
  options.watch_root_certs();
  options.set_certificate_verifier(std::make_shared<grpc::experimental::NoOpCertificateVerifier>());
  options.set_check_call_host(false);
  return grpc::CreateChannel(address, grpc::experimental::TlsCredentials(options));
}

std::string ServedCertificate(const std::string& address) {
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()),
                                                             SSL_CTX_free);
  const std::unique_ptr<BIO, void (*)(BIO*)> connection(BIO_new_ssl_connect(context.get()),
                                                        BIO_free_all);
  BIO_set_conn_hostname(connection.get(), address.c_str());
  CHECK_EQ(BIO_do_handshake(connection.get()), 1) << address;
  SSL* ssl = nullptr;
  BIO_get_ssl(connection.get(), &ssl);
  const std::unique_ptr<BIO, void (*)(BIO*)> pem(BIO_new(BIO_s_mem()), BIO_free_all);
  CHECK_EQ(PEM_write_bio_X509(pem.get(), SSL_get0_peer_certificate(ssl)), 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(pem.get(), &text);
  return std::string(text, static_cast<size_t>(size));
}

std::string ReadOrDie(const std::string& path) {
  const absl::StatusOr<std::string> contents = identity::ReadFileToString(path);
  CHECK(contents.ok()) << contents.status();
  return *contents;
}

TestPki::TestPki()
    : dir_(MakeDir()), ca_(identity::CertificateAuthority::Create(RealClock::Get())) {
  WriteOrDie(dir_ + "/ca.pem", ca_.certificate_pem());
}

TlsFiles TestPki::FilesOf(const identity::NodeIdentity& identity) {
  const TlsFiles files = {dir_ + "/ca.pem", PathOf(identity, ".pem"), PathOf(identity, ".key")};
  if (!keys_.contains(identity::SpiffeUri(identity))) {
    auto key = identity::PrivateKey::Generate(identity::KeyKind::kP256);
    WriteOrDie(files.key, key.ToPem());
    keys_.emplace(identity::SpiffeUri(identity), std::move(key));
    Renew(identity);
  }
  return files;
}

PinEntry TestPki::PinOf(const identity::NodeIdentity& identity, NodeId node) {
  const auto pin = identity::PinOfPem(ReadOrDie(FilesOf(identity).certificate_chain));
  CHECK(pin.ok()) << pin.status();
  return PinEntry{*pin, identity.role, identity.name, node};
}

void TestPki::Renew(const identity::NodeIdentity& identity, absl::Duration lifetime) {
  const identity::PrivateKey& key = keys_.at(identity::SpiffeUri(identity));
  const auto chain = ca_.Issue(identity::MakeCsr(key, identity), identity, lifetime);
  CHECK(chain.ok()) << chain.status();
  WriteOrDie(PathOf(identity, ".pem"), *chain);
}

std::string TestPki::PathOf(const identity::NodeIdentity& identity,
                            absl::string_view ending) const {
  return absl::StrCat(dir_, "/", RoleWord(identity.role), "-", identity.name, ending);
}

}  // namespace convergia::rpc
