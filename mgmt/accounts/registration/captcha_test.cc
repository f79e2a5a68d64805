#include "mgmt/accounts/registration/captcha.h"

#include <gd.h>

#include <set>

#include "common/base/limits.h"
#include "common/base/testing/status_testing.h"

namespace convergia::mgmt {
namespace {

struct ImageFree {
  void operator()(gdImage* image) const { gdImageDestroy(image); }
};

TEST(GdCaptchaPainterTest, PaintsAJpegThatDecodesWithInkInIt) {
  ASSERT_OK_AND_ASSIGN(const auto painter, GdCaptchaPainter::Create());
  ASSERT_OK_AND_ASSIGN(Captcha captcha, painter->Paint());
  ASSERT_THAT(captcha.jpeg, testing::StartsWith("\xFF\xD8\xFF"));
  EXPECT_LT(captcha.jpeg.size(), 32 * 1024);
  const std::unique_ptr<gdImage, ImageFree> image(
      gdImageCreateFromJpegPtr(static_cast<int>(captcha.jpeg.size()), captcha.jpeg.data()));
  ASSERT_NE(image, nullptr);
  int dark = 0;
  for (int y = 0; y < gdImageSY(image.get()); ++y) {
    for (int x = 0; x < gdImageSX(image.get()); ++x) {
      const int pixel = gdImageGetTrueColorPixel(image.get(), x, y);
      dark += gdTrueColorGetGreen(pixel) < 120;
    }
  }
  const int all = gdImageSX(image.get()) * gdImageSY(image.get());
  EXPECT_GT(dark, all / 20);
  EXPECT_LT(dark, all / 2);
}

TEST(GdCaptchaPainterTest, WordsAreOfTheAlphabetAndDoNotRepeat) {
  ASSERT_OK_AND_ASSIGN(const auto painter, GdCaptchaPainter::Create());
  std::set<std::string> words;
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK_AND_ASSIGN(const Captcha captcha, painter->Paint());
    EXPECT_EQ(captcha.text.size(), GdCaptchaPainter::kLetters);
    EXPECT_EQ(captcha.text.find_first_not_of(std::string(GdCaptchaPainter::kAlphabet)),
              std::string::npos)
        << captcha.text;
    words.insert(captcha.text);
  }
  EXPECT_EQ(words.size(), 20);
}

TEST(GdCaptchaPainterTest, DrawsWithTheFontsOfSeveralFamilies) {
  ASSERT_OK_AND_ASSIGN(const auto painter, GdCaptchaPainter::Create());
  EXPECT_GE(painter->font_count(), 10);
}

TEST(GdCaptchaPainterTest, AlphabetHasNoLookAlikes) {
  for (const char letter : absl::string_view("IJ1lO0Q5S2Z6G")) {
    EXPECT_EQ(GdCaptchaPainter::kAlphabet.find(letter), absl::string_view::npos) << letter;
  }
}

}  // namespace
}  // namespace convergia::mgmt
