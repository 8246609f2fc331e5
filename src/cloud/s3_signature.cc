#include "cloud/s3_signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <iterator>

#include "base/error.h"
#include "base/percent.h"
#include "cloud/encoding.h"

namespace fm::cloud {

namespace {

std::string hmac(const std::string& key, std::string_view text) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (!HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
            text.size(), out, &size)) {
    throw Error(Exit::kFailed, "the cryptographic library refused to compute a signature");
  }
  return {reinterpret_cast<const char*>(out), size};
}

std::string single_spaced(const std::string& text) {
  std::string out;
  std::unique_copy(text.begin(), text.end(), std::back_inserter(out),
                   [](char a, char b) { return a == ' ' && b == ' '; });
  return out;
}

}  // namespace

std::string encoded_path(std::string_view path) { return percent_encoded(path, "-._~/"); }

std::string encoded_query(const std::map<std::string, std::string>& query) {
  std::string out;
  for (const auto& [name, value] : query) {
    out += (out.empty() ? "" : "&") + percent_encoded(name, "-._~") + "=" + percent_encoded(value, "-._~");
  }
  return out;
}

std::string sha256(std::string_view content) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(content.data(), content.size(), out, &size, EVP_sha256(), nullptr) != 1) {
    throw Error(Exit::kFailed, "the cryptographic library refused to compute a hash");
  }
  return {reinterpret_cast<const char*>(out), size};
}

std::string content_sha256(std::string_view content) { return hex(sha256(content)); }

std::map<std::string, std::string> sign(const S3Request& request, const S3Credentials& credentials,
                                        const std::string& region, const std::string& time) {
  auto headers = request.headers;
  headers["host"] = request.host;
  headers["x-amz-content-sha256"] = request.content_sha256;
  headers["x-amz-date"] = time;
  if (!credentials.session_token.empty()) headers["x-amz-security-token"] = credentials.session_token;
  std::string lines;
  std::string names;
  for (const auto& [name, value] : headers) {
    lines += name + ":" + single_spaced(value) + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  const auto canonical = request.method + "\n" + request.path + "\n" + encoded_query(request.query) + "\n" + lines +
                         "\n" + names + "\n" + request.content_sha256;
  const auto day = time.substr(0, 8);
  const auto scope = day + "/" + region + "/s3/aws4_request";
  const auto text = "AWS4-HMAC-SHA256\n" + time + "\n" + scope + "\n" + content_sha256(canonical);
  const auto key = hmac(hmac(hmac(hmac("AWS4" + credentials.secret_key, day), region), "s3"), "aws4_request");
  headers["authorization"] = "AWS4-HMAC-SHA256 Credential=" + credentials.access_key + "/" + scope +
                             ",SignedHeaders=" + names + ",Signature=" + hex(hmac(key, text));
  headers.erase("host");
  return headers;
}

}  // namespace fm::cloud
