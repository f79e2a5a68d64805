#include "mgmt/accounts/captcha.h"

#include <gd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"

namespace convergia::mgmt {
namespace {

constexpr int kWidth = 320;
constexpr int kHeight = 100;
constexpr int kJpegQuality = 55;  // Its artefacts are noise too.

constexpr const char* kFonts[] = {
    "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSerif-Bold.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf",
};

struct ImageFree {
  void operator()(gdImage* image) const { gdImageDestroy(image); }
};
using Image = std::unique_ptr<gdImage, ImageFree>;

// Numbers from the CSPRNG, which is asked for many bytes at a time.
class Chance {
 public:
  // Even over [from, to).
  double Between(double from, double to) { return from + (to - from) * Fraction(); }
  int Index(int count) { return std::min(count - 1, static_cast<int>(Fraction() * count)); }

 private:
  double Fraction() {
    if (left_ < sizeof(uint32_t)) {
      bytes_ = SecureRandomBytes(1024);
      left_ = bytes_.size();
    }
    uint32_t bits;
    left_ -= sizeof(bits);
    std::memcpy(&bits, bytes_.data() + left_, sizeof(bits));
    return bits / 4294967296.0;
  }

  std::string bytes_;
  size_t left_ = 0;
};

int DarkColour(Chance& chance) {
  return gdTrueColor(chance.Index(50), chance.Index(50), chance.Index(90));
}

Image MakeBlank() {
  Image image(gdImageCreateTrueColor(kWidth, kHeight));
  if (image != nullptr) {
    gdImageFilledRectangle(image.get(), 0, 0, kWidth - 1, kHeight - 1, gdTrueColor(240, 240, 236));
  }
  return image;
}

// Blots behind the letters, so that no threshold tells paper from ink.
void DrawBlots(gdImage* image, Chance& chance) {
  for (int i = 0; i < 14; ++i) {
    const int shade = 200 + chance.Index(40);
    const int colour = gdTrueColor(shade, shade - chance.Index(20), shade - chance.Index(30));
    const int size = 20 + chance.Index(50);
    gdImageFilledEllipse(image, chance.Index(kWidth), chance.Index(kHeight), size,
                         10 + chance.Index(size), colour);
  }
}

// Errors: kUnavailable with FreeType's reason.
absl::Status DrawLetters(gdImage* image, absl::string_view text, int colour, Chance& chance) {
  double x = chance.Between(14, 24);
  for (const char letter : text) {
    char one[2] = {letter, '\0'};
    char* font = const_cast<char*>(kFonts[chance.Index(std::size(kFonts))]);
    const double size = chance.Between(36, 46);
    const double angle = chance.Between(-0.36, 0.36);
    const int y = static_cast<int>(chance.Between(62, 78));
    int box[8];
    if (const char* error =
            gdImageStringFT(image, box, colour, font, size, angle, static_cast<int>(x), y, one)) {
      return Fail(FailCode::kUnavailable, absl::StrCat("no captcha can be drawn: ", error));
    }
    const int right = std::max({box[0], box[2], box[4], box[6]});
    x = right - chance.Between(0, 4);  // Touching: nothing to cut at.
  }
  return absl::OkStatus();
}

// A curve in the letters' own colour through the whole word.
void StrikeThrough(gdImage* image, int colour, Chance& chance) {
  const double middle = chance.Between(38, 64);
  const double height = chance.Between(6, 16);
  const double length = chance.Between(60, 140);
  const double phase = chance.Between(0, 2 * std::numbers::pi);
  gdImageSetThickness(image, 2);
  int y_before = 0;
  for (int x = 0; x < kWidth; x += 4) {
    const double turn = 2 * std::numbers::pi * x / length + phase;
    const int y = static_cast<int>(middle + height * std::sin(turn));
    if (x > 0) gdImageLine(image, x - 4, y_before, x, y, colour);
    y_before = y;
  }
  gdImageSetThickness(image, 1);
}

void DrawScratches(gdImage* image, Chance& chance) {
  for (int i = 0; i < 6; ++i) {
    gdImageLine(image, chance.Index(kWidth), chance.Index(kHeight), chance.Index(kWidth),
                chance.Index(kHeight), DarkColour(chance));
  }
  for (int i = 0; i < 700; ++i) {
    gdImageSetPixel(image, chance.Index(kWidth), chance.Index(kHeight), DarkColour(chance));
  }
}

// One wave that moves pixels along the other axis.
struct Wave {
  explicit Wave(Chance& chance)
      : height(chance.Between(3, 5.5)),
        length(chance.Between(55, 95)),
        phase(chance.Between(0, 2 * std::numbers::pi)) {}
  double At(int place) const {
    return height * std::sin(2 * std::numbers::pi * place / length + phase);
  }
  double height, length, phase;
};

Image Bend(gdImage* from, Chance& chance) {
  Image to = MakeBlank();
  if (to == nullptr) return to;
  const Wave down(chance), across(chance);
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      const int from_x = static_cast<int>(x + across.At(y));
      const int from_y = static_cast<int>(y + down.At(x));
      if (!gdImageBoundsSafe(from, from_x, from_y)) continue;
      gdImageSetPixel(to.get(), x, y, gdImageGetTrueColorPixel(from, from_x, from_y));
    }
  }
  return to;
}

std::string ToJpeg(gdImage* image) {
  int size = 0;
  void* bytes = gdImageJpegPtr(image, &size, kJpegQuality);
  if (bytes == nullptr) return "";
  std::string jpeg(static_cast<const char*>(bytes), size);
  gdFree(bytes);
  return jpeg;
}

absl::Status NoPicture() {
  return Fail(FailCode::kUnavailable, "no captcha can be drawn now; try again later");
}

}  // namespace

absl::StatusOr<std::unique_ptr<GdCaptchaPainter>> GdCaptchaPainter::Create() {
  gdFTUseFontConfig(0);
  if (gdFontCacheSetup() != 0) return NoPicture();
  Chance chance;
  for (const char* font : kFonts) {
    int box[8];
    char letter[] = "A";
    if (const char* error =
            gdImageStringFT(nullptr, box, 0, const_cast<char*>(font), 30, 0, 0, 0, letter)) {
      return Fail(FailCode::kUnavailable,
                  absl::StrCat("cannot use ", font, " (", error, "): install fonts-dejavu-core"));
    }
  }
  return std::unique_ptr<GdCaptchaPainter>(new GdCaptchaPainter());
}

absl::StatusOr<Captcha> GdCaptchaPainter::Paint() {
  Chance chance;
  Captcha captcha;
  for (int i = 0; i < kLetters; ++i) {
    captcha.text.push_back(kAlphabet[chance.Index(kAlphabet.size())]);
  }
  Image image = MakeBlank();
  if (image == nullptr) return NoPicture();
  DrawBlots(image.get(), chance);
  const int colour = DarkColour(chance);
  CVG_RETURN_IF_ERROR(DrawLetters(image.get(), captcha.text, colour, chance));
  StrikeThrough(image.get(), colour, chance);
  DrawScratches(image.get(), chance);
  image = Bend(image.get(), chance);
  if (image == nullptr) return NoPicture();
  captcha.jpeg = ToJpeg(image.get());
  if (captcha.jpeg.empty()) return NoPicture();
  return captcha;
}

}  // namespace convergia::mgmt
