#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace convergia::mgmt {

// A picture of a word, and the word.
struct Captcha {
  std::string text;
  std::string jpeg;
};

// Draws captchas. Thread-safe; takes some milliseconds of CPU.
class CaptchaPainter {
 public:
  virtual ~CaptchaPainter() = default;

  // Errors: FailCode::kUnavailable: no picture could be made.
  virtual absl::StatusOr<Captcha> Paint() = 0;
};

// Letters in DejaVu. Each is turned, scaled and shifted at random and overlaps its neighbour.
// Curves of the same colour strike through them, and waves bend the picture. A person can read it;
// OCR finds no separate letters. Letters that look alike (I l 1 O 0 ...) are not used. All
// randomness is from the CSPRNG.
class GdCaptchaPainter final : public CaptchaPainter {
 public:
  static constexpr int kLetters = 6;
  static constexpr absl::string_view kAlphabet = "ACEFHKLMNPRTWXY3479";

  // Errors: FailCode::kUnavailable if the fonts cannot be used, saying which package has them.
  static absl::StatusOr<std::unique_ptr<GdCaptchaPainter>> Create();

  absl::StatusOr<Captcha> Paint() override;

 private:
  GdCaptchaPainter() = default;
};

}  // namespace convergia::mgmt
