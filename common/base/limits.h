#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

// Every bound of the system that is not configured, each with its reason. Bounds that an operator
// may change are defaults of the configuration (proto/convergia/v1/config.proto) and named here
// too.
namespace convergia::limits {

// Names. 32 keeps a directory entry within its 32 bytes and a name readable in a table.
inline constexpr size_t kNameBytesMax = 32;
// Argon2id reads all of a password, so a longer one would only cost time.
inline constexpr size_t kPasswordBytesMax = 256;
inline constexpr size_t kPasswordBytesMin = 1;
// Of new ones, unless mgmt's configuration says otherwise: the shortest that guessing at the rates
// which throttles allow does not find.
inline constexpr size_t kNewPasswordBytesMin = 8;

// Packets, unescaped and without the ending LF.
inline constexpr size_t kPacketBytesMaxBeforeSignIn = 4 * 1024;     // A name, a ticket, a captcha.
inline constexpr size_t kPacketBytesMax = 1024 * 1024 + 64 * 1024;  // One chunk and its fields.
// A server's packet may be a little longer: a push carries a client's largest body, with its sender
// and its time.
inline constexpr size_t kServerPacketBytesMax = kPacketBytesMax + 1024;
inline constexpr size_t kRequestIdBytesMax = 32;

// Sessions.
inline constexpr absl::Duration kTlsHandshakeTimeout = absl::Seconds(5);
inline constexpr absl::Duration kSignInTimeout = absl::Seconds(15);
inline constexpr absl::Duration kIdlePingAfter = absl::Seconds(90);    // Below NATs' 2 minutes.
inline constexpr absl::Duration kIdleCloseAfter = absl::Seconds(150);  // Ping plus a slow answer.
inline constexpr int kRequestsOutstandingMax = 64;     // Then the server stops reading.
inline constexpr size_t kOutboxBytesSoft = 64 * 1024;  // Then the server stops reading that client.
// Soft plus one full packet with every byte escaped: no single message closes its recipient.
inline constexpr size_t kOutboxBytesHard = kOutboxBytesSoft + 2 * kPacketBytesMax + 1024;
// Bytes of the answers under way to one client: four of the largest. So a client can ask for pages
// while it reads one, and a thousand slow clients stay within 5 GB.
inline constexpr size_t kAnswersBytesMax = 4 * kServerPacketBytesMax;
// A connection ends if the client's host has not acknowledged bytes for so long: it is half-open.
inline constexpr absl::Duration kUnacknowledgedMax = absl::Seconds(15);
inline constexpr absl::Duration kOutboxStallMax = absl::Seconds(10);
inline constexpr int kSessionsPerUserMax = 10;
inline constexpr int kUnauthenticatedPerAddressMax = 16;
inline constexpr int kSignedInPerAddressMax = 1000;  // Offices share one address.
inline constexpr double kMessagesPerSecond = 100;    // Sustained, a session; reading pauses.
inline constexpr double kMessagesBurst = 1000;
inline constexpr double kMessageBytesPerSecond = 2 * 1024 * 1024;  // Likewise.
inline constexpr double kMessageBytesBurst = 32 * 1024 * 1024;

// Relay channels and links between edges.
inline constexpr size_t kLinkQueueBytesMax = 16 * 1024 * 1024;  // Then FAIL BUSY.
inline constexpr absl::Duration kLinkHeartbeat = absl::Seconds(5);
inline constexpr absl::Duration kLinkDeadAfter = absl::Seconds(15);
inline constexpr absl::Duration kUnconfirmedAfter = absl::Seconds(10);
inline constexpr size_t kRelayFrameBytesMax = 1024 * 1024 + 128 * 1024;  // One full packet fits.
inline constexpr int kRouteEdgesMax = 16;         // A longer detour than any real site needs.
inline constexpr size_t kRelayQueueMax = 65'536;  // Envelopes of one channel; then FAIL BUSY.
inline constexpr size_t kRelayFlightMax = 8'192;  // Of them sent and not answered.
inline constexpr size_t kRelayFlightBytesMax = 4 * 1024 * 1024;       // Fills 100 ms at 300 Mbit/s.
inline constexpr absl::Duration kRelayRetryFirst = absl::Seconds(1);  // Links lose nothing; a cut
inline constexpr absl::Duration kRelayRetryMax = absl::Seconds(4);    // is noticed at once.
inline constexpr absl::Duration kLinkRedialFirst = absl::Milliseconds(200);
inline constexpr absl::Duration kLinkRedialMax = absl::Seconds(5);
// Messages of one session that wait while their recipient changes main servers: room for one of the
// largest packets and for many usual ones; a thousand such sessions do not fill the memory.
inline constexpr size_t kHeldBytesMax = 2 * 1024 * 1024;
// A check of a message that answers later (a proof, a block list): then the message is refused.
// Well below kUnconfirmedAfter, so that a sender on another edge still reads why.
inline constexpr absl::Duration kMessageCheckMax = absl::Seconds(5);
inline constexpr size_t kLinkUnworkedBytesMax = 8 * 1024 * 1024;  // Then reading pauses.

// Accounts.
inline constexpr absl::Duration kTicketLifetime = absl::Hours(24);
// How long nodes are told that an account's tickets were made void: the lifetime of a ticket and a
// week, so that clocks which jump by hours or days forget nothing that still matters.
inline constexpr absl::Duration kGenerationsToldFor = absl::Hours(24 + 7 * 24);
// After a new ticket key was told to the edges, and before tickets are signed with it.
inline constexpr absl::Duration kTicketKeyLead = absl::Minutes(1);
// An old ticket key verifies so long after its last ticket: the lifetime of that, and what clocks
// may have jumped.
inline constexpr absl::Duration kTicketKeyKeptFor = absl::Hours(24 + 4);
inline constexpr size_t kTicketKeysMax = 4;  // Verified with at once.
inline constexpr absl::Duration kCaptchaLifetime = absl::Seconds(60);
inline constexpr size_t kPendingRegistrationsMax = 10'000;

// Nodes.
inline constexpr absl::Duration kHeartbeat = absl::Seconds(2);
inline constexpr absl::Duration kSuspectAfter = absl::Seconds(6);   // Three heartbeats.
inline constexpr absl::Duration kOfflineAfter = absl::Seconds(12);  // Six.

// Dialling a name (RFC 8305).
inline constexpr absl::Duration kNextAddressAfter = absl::Milliseconds(250);
inline constexpr size_t kDialAddressesMax = 16;  // Of one name; all are started within 4 s.

// gRPC between nodes.
inline constexpr size_t kRpcMessageBytesMax =
    8 * 1024 * 1024;                                      // A packed frame, a directory batch.
inline constexpr int kRpcStreamsPerConnectionMax = 1000;  // Calls at once from one peer.
inline constexpr size_t kRpcMetadataBytesMax = 8 * 1024;  // Headers of one call.
// A server's memory for all its gRPC connections: frames, and messages that are not whole yet. Past
// it gRPC stops reading, so this is some times the largest messages of many nodes at once.
inline constexpr size_t kRpcMemoryBytesMax = 256 * 1024 * 1024;
inline constexpr absl::Duration kRpcHandshakeTimeout = absl::Seconds(5);   // TLS and SETTINGS.
inline constexpr absl::Duration kRpcKeepalive = absl::Seconds(10);         // Then a ping;
inline constexpr absl::Duration kRpcKeepaliveTimeout = absl::Seconds(10);  // no answer: cut.
inline constexpr absl::Duration kRpcReconnectFirst = absl::Milliseconds(200);
inline constexpr absl::Duration kRpcReconnectMax = absl::Seconds(2);
inline constexpr absl::Duration kRpcConnectTimeout = absl::Seconds(5);
inline constexpr size_t kMgmtAddressesMax = 8;
inline constexpr size_t kPinsMax = 100'000;                       // Far above any number of nodes.
inline constexpr size_t kCertificatesKept = 4'096;                // Parsed ones, by their text.
inline constexpr absl::Duration kFarewellMax = absl::Seconds(2);  // To hear why one is cut off.
// A file of what mgmt said last: kPinsMax keys take some 20 MiB of text.
inline constexpr size_t kMgmtMemoryFileBytesMax = 64 * 1024 * 1024;
inline constexpr size_t kAttachQueueBytesMax = 16 * 1024 * 1024;  // A whole location report.

// Rows in one answer of a list command.
inline constexpr int kListRowsMax = 10'000;
// The same of folders and mailboxes, whose names are long: an answer stays far below a packet.
inline constexpr uint32_t kStorageRowsMax = 1'000;

// A part, a file that is being brought, that nobody goes on with: a holiday later it may.
inline constexpr absl::Duration kPartLifetime = absl::Hours(7 * 24);

// The store (common/store), on every backend, so that none allows what another cannot do.
inline constexpr size_t kStoreKeyBytesMax = 512;
inline constexpr size_t kStoreValueBytesMax = 64 * 1024;
inline constexpr size_t kStoreCommitBytesMax = 1024 * 1024;
inline constexpr size_t kStoreGuardsMax = 100;
inline constexpr size_t kStoreMutationsMax = 100;
inline constexpr int kStorePageRowsMax = 10'000;               // Of one scan; then the next page.
inline constexpr size_t kStorePageBytesMax = 4 * 1024 * 1024;  // gRPC's usual message limit.
inline constexpr size_t kStoreCommitsWaitingMax = 10'000;      // Some seconds of group commits.
inline constexpr size_t kStoreWaitingBytesMax = 64 * 1024 * 1024;
inline constexpr size_t kStoreHistoryRevisionsMax = 10'000;  // A watch may look back so far.
inline constexpr size_t kStoreHistoryBytesMax = 16 * 1024 * 1024;

// Chunks (dataserver/), as datamgr cuts files and every data server keeps them.
inline constexpr size_t kChunkBytesMax = 1024 * 1024;  // One WRITEFILE is one chunk at most.
inline constexpr size_t kChunkBlockBytes = 64 * 1024;  // Has a checksum of its own.
inline constexpr size_t kChunkKeysMax = 1'000;         // Of one delete, or one page of a list.
inline constexpr size_t kChunksWaitingBytesMax = 64 * 1024 * 1024;  // To be written; then BUSY.
inline constexpr size_t kChunkGroupBytesMax = 16 * 1024 * 1024;     // Of one sync: some 0.1 s.

}  // namespace convergia::limits
