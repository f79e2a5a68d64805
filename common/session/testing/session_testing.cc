#include "common/session/testing/session_testing.h"

#include <gtest/gtest.h>

#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/certificate_authority.h"

namespace convergia::session {
namespace {

constexpr absl::Duration kWaitMax = absl::Seconds(20);

}  // namespace

void WaitUntil(Shards shards, const std::function<bool()>& condition, const char* what) {
  const absl::Duration deadline = RealClock::Get().Elapsed() + kWaitMax;
  while (!condition()) {
    ASSERT_LT(RealClock::Get().Elapsed(), deadline) << what;
    for (const std::shared_ptr<Shard>& shard : shards) {
      absl::Notification round;
      shard->Post([&round] { round.Notify(); });
      round.WaitForNotification();
    }
    std::this_thread::yield();
  }
}

void Advance(Shards shards, FakeClock& clock, absl::Duration by) {
  clock.Advance(by);
  const absl::Duration now = clock.Elapsed();
  for (const std::shared_ptr<Shard>& shard : shards) {
    const auto has_noticed = [&] {
      absl::Duration seen;
      absl::Notification asked;
      shard->Post([&] {
        seen = shard->now();
        asked.Notify();
      });
      asked.WaitForNotification();
      return seen >= now;
    };
    WaitUntil(shards, has_noticed, "the shard's clock");
  }
}

std::unique_ptr<tls::TlsContext> MakeTestTls(const Clock& clock) {
  const auto ca = identity::CertificateAuthority::Create(clock);
  const auto key = identity::PrivateKey::Generate(identity::KeyKind::kP256);
  const identity::NodeIdentity node = {Role::kEdge, "edge1"};
  const auto chain = ca.Issue(identity::MakeCsr(key, node), node, absl::Hours(1));
  auto context = tls::TlsContext::Server(*chain, key.ToPem());
  EXPECT_OK(context);
  return *std::move(context);
}

}  // namespace convergia::session
