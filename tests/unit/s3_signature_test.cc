#include "cloud/s3_signature.h"

#include <gtest/gtest.h>

namespace fm::cloud {
namespace {

// The example "PUT Object" of AWS (sig-v4-header-based-auth).
TEST(S3Signature, ExampleOfAws) {
  S3Request request{"PUT", "examplebucket.s3.amazonaws.com", encoded_path("/test$file.text"), {}, {}, ""};
  request.headers = {{"date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
  request.content_sha256 = content_sha256("Welcome to Amazon S3.");
  EXPECT_EQ(request.content_sha256, "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
  const S3Credentials credentials{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
  const auto headers = sign(request, credentials, "us-east-1", "20130524T000000Z");
  EXPECT_EQ(headers.at("authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
            "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  EXPECT_FALSE(headers.contains("host"));
  EXPECT_FALSE(headers.contains("x-amz-security-token"));
}

TEST(S3Signature, TokenIsSigned) {
  const S3Request request{"PUT", "h", "/b/k", {}, {}, content_sha256("")};
  const auto headers = sign(request, {"k", "s", "token"}, "eu-west-1", "20260101T000000Z");
  EXPECT_EQ(headers.at("x-amz-security-token"), "token");
  EXPECT_NE(headers.at("authorization").find("host;x-amz-content-sha256;x-amz-date;x-amz-security-token"),
            std::string::npos);
}

TEST(S3Signature, PathsAreEncodedByte) {
  EXPECT_EQ(encoded_path("/b/a b%20#é+~.jpg"), "/b/a%20b%2520%23%C3%A9%2B~.jpg");
}

}  // namespace
}  // namespace fm::cloud
