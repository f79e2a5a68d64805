#pragma once

// File descriptors are one account for files, clients and nodes, so each gets a share that the
// others cannot take. The kernel gives out the lowest number that is free: a new descriptor with
// the number n says that all below n are in use.
//
//   number        who may still take one
//   below 12/16   all
//   below 15/16   connections of nodes (gRPC), at most 4/16 of all, and files
//   above         files
namespace convergia {

struct DescriptorShares {
  int clients_end = 0;  // A client's connection that gets this number or a higher one is closed.
  int nodes_end = 0;    // The same for a connection to gRPC.
  int nodes_max = 0;    // Connections to gRPC at once.
};

// The shares of a process that may have `limit` descriptors.
DescriptorShares SharesOf(int limit);

// The shares of this process, as of the first call. Thread-safe.
const DescriptorShares& OwnShares();

// Raises the limit of this process as far as it may. Call it before anything asks for OwnShares().
void RaiseDescriptorLimit();

}  // namespace convergia
