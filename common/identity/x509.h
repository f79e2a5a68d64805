#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/identity/openssl_ptr.h"

// Functions on X509 that certificate.cc and certificate_authority.cc share. For this room only.
namespace convergia::identity {

// The certificates of a PEM, in order; at most 8, and text between them is skipped.
// Errors: kInvalidArgument if there is none, one is damaged, or there are too many.
absl::StatusOr<std::vector<X509Ptr>> ReadChain(absl::string_view pem);

std::string PemOf(X509* certificate);
std::string FingerprintOf(const X509* certificate);
std::string PinOf(const X509* certificate);

// A certificate with the fields that all of ours have: version 3, a random serial of 128 bits,
// dates, a common name.
X509Ptr MakeCertificate(EVP_PKEY* public_key, absl::string_view common_name, absl::Time not_before,
                        absl::Time not_after);

// Extensions as in openssl.cnf, such as {NID_basic_constraints, "critical,CA:FALSE"}. Values are
// made by us, never from input.
using Extensions = std::initializer_list<std::pair<int, std::string>>;
void AddExtensions(X509* certificate, X509* issuer, const Extensions& extensions);

}  // namespace convergia::identity
