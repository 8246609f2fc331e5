#include "base/text.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <stdlib.h>
#include <time.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace fm {
namespace {

TEST(CodePoints, Decoding) {
  EXPECT_EQ(code_points("aé世😀"), U"aé世😀");
  EXPECT_EQ(code_points(""), U"");
  EXPECT_EQ(code_points(std::string("a\0b", 3)), std::u32string(U"a\0b", 3));
}

TEST(CodePoints, BrokenBytesCountOneEach) {
  for (auto [bytes, expected] : std::vector<std::pair<std::string, std::u32string>>{
           {"\xff", U"\ufffd"},
           {"a\x80z", U"a\ufffdz"},
           {"\xc3", U"\ufffd"},
           {"\xe4\xb8", U"\ufffd\ufffd"},
           {"\xc0\xaf", U"\ufffd\ufffd"},                      // overlong
           {"\xe0\x80\x80", U"\ufffd\ufffd\ufffd"},            // overlong
           {"\xed\xa0\x80", U"\ufffd\ufffd\ufffd"},            // surrogate
           {"\xf4\x90\x80\x80", U"\ufffd\ufffd\ufffd\ufffd"},  // above U+10FFFF
       }) {
    EXPECT_EQ(code_points(bytes), expected);
  }
}

TEST(CodePoints, FirstAndLast) {
  EXPECT_EQ(first_code_points("aé世😀", 3), "aé世");
  EXPECT_EQ(last_code_points("aé世😀", 3), "é世😀");
  EXPECT_EQ(first_code_points("aé", 0), "");
  EXPECT_EQ(last_code_points("aé", 0), "");
  EXPECT_EQ(first_code_points("aé", 9), "aé");
  EXPECT_EQ(last_code_points("aé", 9), "aé");
}

RC_GTEST_PROP(CodePoints, FirstAndRestMakeTheWhole, (const std::string& text, unsigned char n)) {
  std::size_t all = count_code_points(text);
  std::size_t first = std::min<std::size_t>(n, all);
  RC_ASSERT(code_points(text).size() == all);
  RC_ASSERT(std::string(first_code_points(text, n)) + std::string(last_code_points(text, all - first)) == text);
}

TEST(DisplayWidth, Cells) {
  EXPECT_EQ(display_width(""), 0U);
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("é"), 1U);
  EXPECT_EQ(display_width("e\u0301"), 1U);
  EXPECT_EQ(display_width("世界"), 4U);
  EXPECT_EQ(display_width("한글"), 4U);
  EXPECT_EQ(display_width("😀"), 2U);
  EXPECT_EQ(display_width("a\tb\n"), 2U);
}

TEST(Nearest, Suggestions) {
  const std::vector<std::string> kNames = {"migrate", "info", "undo", "--dry-run", "dataset"};
  EXPECT_EQ(nearest("migrte", kNames), "migrate");
  EXPECT_EQ(nearest("imgrate", kNames), "migrate");
  EXPECT_EQ(nearest("MIGRATE", kNames), "migrate");
  EXPECT_EQ(nearest("--dry_run", kNames), "--dry-run");
  EXPECT_EQ(nearest("inof", kNames), "info");
  EXPECT_EQ(nearest("datasets", kNames), "dataset");
  EXPECT_EQ(nearest("frobnicate", kNames), std::nullopt);
  EXPECT_EQ(nearest("", kNames), std::nullopt);
  EXPECT_EQ(nearest("x", std::vector<std::string>{"y"}), std::nullopt);
  EXPECT_EQ(nearest("ab", std::vector<std::string>{}), std::nullopt);
}

TEST(Format, Count) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(1234567), "1,234,567");
  EXPECT_EQ(format_count(-999), "-999");
  EXPECT_EQ(format_count(-123456), "-123,456");
  EXPECT_EQ(format_count(INT64_MIN), "-9,223,372,036,854,775,808");
}

TEST(Format, Duration) {
  EXPECT_EQ(format_duration(0), "0.0 s");
  EXPECT_EQ(format_duration(0.34), "0.3 s");
  EXPECT_EQ(format_duration(9.96), "10 s");
  EXPECT_EQ(format_duration(59.4), "59 s");
  EXPECT_EQ(format_duration(59.6), "1 min 00 s");
  EXPECT_EQ(format_duration(245), "4 min 05 s");
  EXPECT_EQ(format_duration(3600), "1 h 00 min");
  EXPECT_EQ(format_duration(7830), "2 h 10 min");
  EXPECT_EQ(format_duration(3 * 86400 + 4 * 3600), "3 d 4 h");
  EXPECT_EQ(format_duration(-1), "0.0 s");
  EXPECT_EQ(format_duration(std::nan("")), "0.0 s");
}

TEST(Format, Bytes) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1.0 KiB");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(20 << 20), "20 MiB");
  EXPECT_EQ(format_bytes((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(format_bytes(UINT64_MAX), "16 EiB");
}

TEST(MaskUri, Passwords) {
  for (auto [uri, masked] : std::vector<std::pair<const char*, const char*>>{
           {"mongodb://localhost", "mongodb://localhost"},
           {"mongodb://h:27017/db?x=y", "mongodb://h:27017/db?x=y"},
           {"mongodb://u:p@h:27017/db?authSource=admin", "mongodb://u:***@h:27017/db?authSource=admin"},
           {"mongodb+srv://u:p%40q@h.example", "mongodb+srv://u:***@h.example"},
           {"mongodb://u:p@a:1,b:2,[::1]:3/?x=y", "mongodb://u:***@a:1,b:2,[::1]:3/?x=y"},
           {"mongodb://u@h", "mongodb://u@h"},
           {"mongodb://u:@h", "mongodb://u:***@h"},
           {"mongodb://[::1]:27017,[::2]/db?appName=a@b", "mongodb://[::1]:27017,[::2]/db?appName=a@b"},
           {"mongodb://h:1/?appName=a@b", "mongodb://h:1/?appName=a@b"},
           {"mongodb://u:p@h/?appName=a@b", "mongodb://u:***@h/?appName=a@b"},
           {"u:p@h", "u:***@h"},
           {"", ""},
       }) {
    EXPECT_EQ(mask_uri(uri), masked);
  }
}

TEST(MaskUri, PasswordsThatShouldHaveBeenEncoded) {
  for (const char* uri : {"mongodb://u:se@cret@h/db", "mongodb://u:se/cret@h/db", "mongodb://u:se:cret@h/db",
                          "mongodb://u:se?cret@h/db", "mongodb://u:se?a=cret@h/db", "mongodb://u:1/cret@h/db",
                          "mongodb://u:se@x/cret@h/db", "mongodb://u:se#cret@h/db"}) {
    EXPECT_EQ(mask_uri(uri), "mongodb://u:***@h/db");
  }
}

TEST(MaskUri, Options) {
  EXPECT_EQ(mask_uri("mongodb://h/?tls=true&TLSCertificateKeyFilePassword=s&w=1"),
            "mongodb://h/?tls=true&TLSCertificateKeyFilePassword=***&w=1");
  EXPECT_EQ(mask_uri("mongodb://u:p@h/?authMechanismProperties=AWS_SESSION_TOKEN:abc"),
            "mongodb://u:***@h/?authMechanismProperties=***");
  EXPECT_EQ(mask_uri("mongodb://h/?authMechanismProperties=SERVICE_NAME:x"),
            "mongodb://h/?authMechanismProperties=SERVICE_NAME:x");
}

TEST(LocalStamp, FollowsTheTimeZone) {
  const char* old = getenv("TZ");
  std::string saved = old != nullptr ? old : "";
  setenv("TZ", "XYZ-2", 1);  // two hours east of UTC
  tzset();
  EXPECT_EQ(local_stamp(1741527907120, false), "2025.03.09.15.45.07");
  EXPECT_EQ(local_stamp(1741527907120, true), "2025.03.09.15.45.07.120000");
  EXPECT_EQ(local_stamp(-1, true), "1970.01.01.01.59.59.999000");
  if (old != nullptr) {
    setenv("TZ", saved.c_str(), 1);
  } else {
    unsetenv("TZ");
  }
  tzset();
}

}  // namespace
}  // namespace fm
