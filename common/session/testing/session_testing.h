#pragma once

#include <functional>
#include <memory>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/base/clock.h"
#include "common/session/shard.h"
#include "common/tls/context.h"

namespace convergia::session {

using Shards = absl::Span<const std::shared_ptr<Shard>>;

// Waits until `condition()` is true. Between checks it runs one task on each shard after the other,
// so that pending work makes progress. Fails the test with `what` after some 20 s.
void WaitUntil(Shards shards, const std::function<bool()>& condition, const char* what);

// Moves the clock of `shards` and waits until they see the new time.
void Advance(Shards shards, FakeClock& clock, absl::Duration by);

// A server's TLS context with a certificate of its own.
std::unique_ptr<tls::TlsContext> MakeTestTls(const Clock& clock);

}  // namespace convergia::session
