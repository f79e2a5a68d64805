#pragma once

#include "common/disk/disk.h"

namespace convergia::disk {

// The machine's disk. Never destroyed.
Disk& RealDisk();

}  // namespace convergia::disk
