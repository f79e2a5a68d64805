#pragma once

#include <rocksdb/env.h>

#include <memory>

#include "common/disk/disk.h"

namespace convergia::disk {

// RocksDB's view of `disk`, so that a database lives and dies with everything else on it. Threads
// and time stay the machine's, and what RocksDB warns of goes to the node's log. `disk` must
// outlive it.
std::unique_ptr<rocksdb::Env> MakeRocksEnv(Disk& disk);

}  // namespace convergia::disk
