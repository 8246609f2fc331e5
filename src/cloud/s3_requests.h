// Signed requests of S3 over connections that are kept.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <semaphore>
#include <string>
#include <vector>

#include "cloud/s3_signature.h"

namespace fm::cloud {

// What goes with a request: read once more when the request is tried again.
struct S3Body {
  std::int64_t size = 0;
  // Fills the buffer from an offset; less than asked for ends the request with
  // Error(kFailed). Empty: there is none.
  std::function<std::size_t(std::int64_t offset, char* buffer, std::size_t capacity)> read;
};

struct S3Answer {
  std::string etag;    // without quotes
  std::string sha256;  // of the content, if the store says it: hexadecimal digits
  std::string body;    // the first MiB
};

// The text of the first element of that name in an answer; empty if there is none.
std::string element(const std::string& xml, const std::string& name);

class S3Requests {
 public:
  using Text = std::function<std::string(const std::string&)>;
  // `endpoint` gives "https://host:port" for a region, `region` that of a bucket.
  // `connections`: most requests at a time; others wait. `credentials` is asked before each request,
  // because those of a role expire. All of them have to be thread-safe.
  S3Requests(Text endpoint, Text region, std::string ca_file, int connections,
             std::function<S3Credentials()> credentials);
  ~S3Requests();

  // The answer of the store that did it. Thread-safe. Tries five times what may
  // pass, as long apart as the store asks for, else growing times, and signs anew,
  // by the store's clock, where ours is wrong. `request` lacks its host; `doing`
  // begins the text of an error. Throws as ObjectStore does. Memory: 256 KiB of
  // the body.
  S3Answer exchange(S3Request request, const S3Body& body, const std::string& doing);

  struct Connection;

 private:
  std::unique_ptr<Connection> take();

  Text endpoint_;
  Text region_;
  std::string ca_file_;
  std::function<S3Credentials()> credentials_;
  std::counting_semaphore<> slots_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;
  long skew_ = 0;  // seconds that the store's clock is ahead
};

}  // namespace fm::cloud
