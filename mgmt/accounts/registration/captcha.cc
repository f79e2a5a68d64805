#include "mgmt/accounts/registration/captcha.h"

#include <gd.h>
#include <glog/logging.h>

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
constexpr int kShards = 8;
constexpr int kJpegQuality = 55;  // Its artefacts are noise too.

// One draws with those that are installed; without the first package, not at all.
struct FontPackage {
  const char* name;
  std::vector<const char*> files;
};
const std::vector<FontPackage>& FontPackages() {
  static const auto* const packages = new std::vector<FontPackage>{
      {"fonts-dejavu-core",
       {"dejavu/DejaVuSans-Bold.ttf", "dejavu/DejaVuSerif-Bold.ttf",
        "dejavu/DejaVuSansMono-Bold.ttf"}},
      {"fonts-liberation",
       {"liberation/LiberationSans-Bold.ttf", "liberation/LiberationSerif-BoldItalic.ttf",
        "liberation/LiberationMono-Bold.ttf", "liberation/LiberationSansNarrow-Bold.ttf"}},
      {"fonts-freefont-ttf",
       {"freefont/FreeSansBoldOblique.ttf", "freefont/FreeSerifBold.ttf",
        "freefont/FreeMonoBold.ttf"}},
  };
  return *packages;
}

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
absl::Status DrawLetters(gdImage* image, absl::string_view text,
                         const std::vector<std::string>& fonts, int colour, Chance& chance) {
  double x = chance.Between(10, 30);
  for (const char letter : text) {
    char one[2] = {letter, '\0'};
    char* font = const_cast<char*>(fonts[chance.Index(static_cast<int>(fonts.size()))].c_str());
    const double size = chance.Between(38, 48);
    const double angle = chance.Between(-0.36, 0.36);
    const int y = static_cast<int>(chance.Between(60, 80));
    int box[8];
    if (const char* error =
            gdImageStringFT(image, box, colour, font, size, angle, static_cast<int>(x), y, one)) {
      return Fail(FailCode::kUnavailable, absl::StrCat("no captcha can be drawn: ", error));
    }
    const int right = std::max({box[0], box[2], box[4], box[6]});
    x = right - chance.Between(1, 5);  // Overlapping: nothing to cut at.
  }
  return absl::OkStatus();
}

// As thick as a letter's stem, so that no filter by width tells one from the other.
int StemWidth(Chance& chance) { return 3 + chance.Index(3); }

// A curve in the letters' own colour through the whole word.
void StrikeThrough(gdImage* image, int colour, Chance& chance) {
  const double middle = chance.Between(30, 70);
  const double height = chance.Between(8, 20);
  const double length = chance.Between(90, 200);
  const double phase = chance.Between(0, 2 * std::numbers::pi);
  gdImageSetThickness(image, StemWidth(chance));
  int y_before = 0;
  for (int x = 0; x < kWidth; x += 4) {
    const double turn = 2 * std::numbers::pi * x / length + phase;
    const int y = static_cast<int>(middle + height * std::sin(turn));
    if (x > 0) gdImageLine(image, x - 4, y_before, x, y, colour);
    y_before = y;
  }
  gdImageSetThickness(image, 1);
}

// Pieces of strokes and bows in the letters' colour and width, all over the picture.
void DrawShards(gdImage* image, int colour, Chance& chance) {
  for (int i = 0; i < kShards; ++i) {
    const int x = (i * kWidth + chance.Index(kWidth)) / kShards;
    const int y = chance.Index(kHeight);
    const int size = 12 + chance.Index(14);
    gdImageSetThickness(image, StemWidth(chance));
    if (chance.Index(2) == 0) {
      const int start = chance.Index(360);
      gdImageArc(image, x, y, size, size, start, start + 90 + chance.Index(120), colour);
    } else {
      const double turn = chance.Between(0, 2 * std::numbers::pi);
      gdImageLine(image, x, y, static_cast<int>(x + size * std::cos(turn)),
                  static_cast<int>(y + size * std::sin(turn)), colour);
    }
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
  std::vector<std::string> fonts;
  for (const FontPackage& package : FontPackages()) {
    absl::Status usable;
    for (const char* file : package.files) {
      const std::string path = absl::StrCat("/usr/share/fonts/truetype/", file);
      int box[8];
      char letter[] = "A";
      const char* error =
          gdImageStringFT(nullptr, box, 0, const_cast<char*>(path.c_str()), 30, 0, 0, 0, letter);
      if (error == nullptr) {
        fonts.push_back(path);
        continue;
      }
      usable = Fail(FailCode::kUnavailable,
                    absl::StrCat("cannot use ", path, " (", error, "): install ", package.name));
    }
    const bool is_first = &package == &FontPackages().front();
    if (is_first) CVG_RETURN_IF_ERROR(usable);
    LOG_IF(WARNING, !usable.ok()) << "captchas are easier to solve than they could be: " << usable;
  }
  return std::unique_ptr<GdCaptchaPainter>(new GdCaptchaPainter(std::move(fonts)));
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
  CVG_RETURN_IF_ERROR(DrawLetters(image.get(), captcha.text, fonts_, colour, chance));
  StrikeThrough(image.get(), colour, chance);
  DrawShards(image.get(), colour, chance);
  DrawScratches(image.get(), chance);
  image = Bend(image.get(), chance);
  if (image == nullptr) return NoPicture();
  captcha.jpeg = ToJpeg(image.get());
  if (captcha.jpeg.empty()) return NoPicture();
  return captcha;
}

}  // namespace convergia::mgmt
