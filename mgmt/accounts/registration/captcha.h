#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

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

// Letters in the fonts of three families. Each is turned, scaled and shifted at random and overlaps
// its neighbour. A curve strikes through them, pieces of strokes of the same colour and width are
// strewn over them, and waves bend the picture. A person can read it, and no filter by colour or
// width removes the noise. That slows bots; it does not stop them. Letters that look alike
// (I l 1 O 0 ...) are not used. All randomness is from the CSPRNG.
class GdCaptchaPainter final : public CaptchaPainter {
 public:
  static constexpr int kLetters = 6;
  static constexpr absl::string_view kAlphabet = "ACEFHKLMNPRTWXY3479";

  // Errors: FailCode::kUnavailable if the fonts cannot be used, saying which package has them.
  static absl::StatusOr<std::unique_ptr<GdCaptchaPainter>> Create();

  absl::StatusOr<Captcha> Paint() override;

  // Those that are drawn with.
  size_t font_count() const { return fonts_.size(); }

 private:
  explicit GdCaptchaPainter(std::vector<std::string> fonts) : fonts_(std::move(fonts)) {}

  const std::vector<std::string> fonts_;  // Paths.
};

}  // namespace convergia::mgmt
