#pragma once

namespace convergia::disk {

// Puts this process into namespaces of its own for users and mounts: it may mount, and no other
// process sees what. Call it before the first thread starts.
//
// Returns why not, if this kernel refuses; else null.
const char* EnterOwnMounts();

}  // namespace convergia::disk
