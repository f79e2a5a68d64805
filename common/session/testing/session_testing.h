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

// Waits until `condition()`, one round through every shard after the other: what was under way has
// moved on then. Fails the test as `what` after some 20 s.
void WaitUntil(Shards shards, const std::function<bool()>& condition, const char* what);

// Moves the clock of `shards`, and waits until they have noticed.
void Advance(Shards shards, FakeClock& clock, absl::Duration by);

// A server's TLS with a certificate of its own.
std::unique_ptr<tls::TlsContext> MakeTestTls(const Clock& clock);

}  // namespace convergia::session
