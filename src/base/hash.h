// SHA-256, and SHA-1 and MD5 where others' formats have them.
#pragma once

#include <openssl/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace fm {

using Digest = std::array<std::uint8_t, 32>;

Digest sha256(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);
// As a content security policy names a script.
std::string sha256_base64(std::string_view bytes);
// 20 bytes.
std::string sha1(std::string_view bytes);
// Lower case.
std::string to_hex(std::string_view bytes);
std::string to_hex(const Digest& digest);

// 16 bytes.
std::string md5(std::string_view bytes);

// For what does not lie in memory in one piece.
class Sha256 {
 public:
  Sha256();
  void update(std::string_view bytes);
  // Ends the computation: nothing may be called afterwards.
  Digest finish();

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const;
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

// Likewise; 16 bytes.
class Md5 {
 public:
  Md5();
  void update(std::string_view bytes);
  std::string finish();

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const;
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace fm
