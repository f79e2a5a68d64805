#include "common/session/counters.h"

namespace convergia::session {
namespace {

constexpr absl::string_view kNames[] = {
    "connections_accepted",
    "connections_refused",
    "accept_errors",
    "handshakes",
    "handshakes_failed",
    "plain_text",
    "sign_ins",
    "sign_ins_failed",
    "packets_in",
    "packets_empty",
    "packets_bad",
    "packets_too_long",
    "requests_unknown",
    "packets_out",
    "bytes_in",
    "bytes_out",
    "writes",
    "reads_paused",
    "closed_handshake_timeout",
    "closed_sign_in_timeout",
    "closed_idle",
    "closed_stalled",
    "closed_outbox_full",
    "closed_memory",
    "closed_too_long",
    "closed_by_peer",
    "closed_by_server",
};
static_assert(std::size(kNames) == static_cast<size_t>(Counter::kCount));

}  // namespace

absl::string_view CounterName(Counter counter) { return kNames[static_cast<size_t>(counter)]; }

}  // namespace convergia::session
