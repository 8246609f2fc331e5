// AWS Signature Version 4 (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html) for
// requests.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace fm::cloud {

// For content that another signed header names the hash of.
inline constexpr const char* kUnsigned = "UNSIGNED-PAYLOAD";

struct S3Credentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // may be empty
};

struct S3Request {
  std::string method;
  std::string host;                            // with a port that is not the scheme's own
  std::string path;                            // encoded
  std::map<std::string, std::string> query;    // not encoded
  std::map<std::string, std::string> headers;  // more to sign; names in lower case
  std::string content_sha256;                  // 64 hexadecimal digits, or kUnsigned
};

// All but letters, digits and -._~/ as %XX.
std::string encoded_path(std::string_view path);
// Name and value of each, as they are signed and sent.
std::string encoded_query(const std::map<std::string, std::string>& query);
// 64 hexadecimal digits.
std::string content_sha256(std::string_view content);
// The same, as 32 bytes.
std::string sha256(std::string_view content);

// The headers of the request with those of the signature, "host" left out.
// `time`: "20130524T000000Z".
std::map<std::string, std::string> sign(const S3Request& request, const S3Credentials& credentials,
                                        const std::string& region, const std::string& time);

}  // namespace fm::cloud
