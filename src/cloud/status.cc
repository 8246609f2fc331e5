#include "cloud/status.h"

#include <arrow/util/io_util.h>

#include <cerrno>
#include <regex>
#include <string_view>

#include "base/error.h"

namespace fm::cloud {

namespace {

struct Meaning {
  Exit code;
  const char* remedy;
  std::vector<const char*> texts;
};

const std::vector<Meaning>& meanings() {
  static const std::vector<Meaning> kMeanings = {
      {Exit::kRights,
       "Check the credentials, and their right to read, write and list there (docs/media.md).",
       {"ACCESS_DENIED",
        "SIGNATURE_DOES_NOT_MATCH",
        "INVALID_ACCESS_KEY_ID",
        "UNRECOGNIZED_CLIENT",
        "ExpiredToken",
        "EXPIRED_TOKEN",
        "InvalidToken",
        "INVALID_CLIENT_TOKEN_ID",
        "INVALID_SIGNATURE",
        "TokenRefreshRequired",
        "HTTP status 401",
        "HTTP status 403",
        "AuthenticationFailed",
        "AuthorizationFailure",
        "AuthorizationPermissionMismatch",
        "NoAuthenticationInformation",
        "InvalidAuthenticationInfo",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
        "Permission denied",
        "Permanent error in",
        "GetToken"}},
      {Exit::kUsage,
       "AWS_REGION, AWS_DEFAULT_REGION or the profile names another region than the bucket's. Without any the bucket "
       "is asked.",
       {"PermanentRedirect", "HTTP status 301", "AuthorizationHeaderMalformed"}},
      {Exit::kNotFound,
       "The bucket or container has to exist; it is not made here.",
       {"NO_SUCH_BUCKET", "NoSuchBucket", "ContainerNotFound", "Bucket not found", "bucket does not exist",
        "Path does not exist", "NoSuchKey", "NO_SUCH_KEY", "HTTP status 404", "BlobNotFound"}},
      {Exit::kUnreachable,
       "It may succeed later: run the same command again.",
       {"NETWORK_CONNECTION", "SLOW_DOWN", "SlowDown", "SERVICE_UNAVAILABLE", "INTERNAL_FAILURE", "InternalError",
        "REQUEST_TIMEOUT", "THROTTL", "TooManyRequests", "curl", "Operation too slow", "timed out", "Timeout",
        "HTTP status 500", "HTTP status 502", "HTTP status 503", "HTTP status 429", "HTTP status 408",
        // Azure, behind the code in brackets.
        "] 429 ", "] 408 ", "] 500 ", "] 502 ", "] 503 ", "ServerBusy", "UNAVAILABLE", "Unavailable",
        "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "Retry policy exhausted", "OperationTimedOut", "Connection",
        "connection", "RequestTimeTooSkewed", "REQUEST_TIME_TOO_SKEWED", "Server Error", "Failed to connect",
        "Fail to get a new connection", "Failed to parse"}},
  };
  return kMeanings;
}

// A session of Google that lost an answer may be unknown, or stand elsewhere,
// when it is asked; the next one begins anew. A bucket that is not there shows
// when a session is begun.
bool lost_session(const std::string& text) {
  const bool begun = text.find("retry.function=UploadChunk") != std::string::npos ||
                     text.find("retry.function=QueryResumableUpload") != std::string::npos;
  return begun &&
         (text.find("NOT_FOUND") != std::string::npos || text.find("Invalid Content-Range") != std::string::npos);
}

// Signatures in the query of a URL, and lines after the first.
std::string shown(const std::string& text) {
  static const std::regex kQuery(R"(([?&](sig|se|sp|sv|X-Amz-[A-Za-z-]+|X-Goog-[A-Za-z-]+|token)=)[^&\s"']*)");
  return std::regex_replace(text.substr(0, text.find('\n')), kQuery, "$1***");
}

}  // namespace

bool is_not_found(const arrow::Status& status) {
  const auto code = arrow::internal::ErrnoFromStatus(status);
  return code == ENOENT || code == ENOTDIR;
}

void fail(const arrow::Status& status, const std::string& doing) {
  const auto& text = status.message();
  const auto what = doing + ": " + shown(text);
  // An upload in parts that somebody took away begins anew, too.
  if (lost_session(text) || text.find("NoSuchUpload") != std::string::npos)
    throw Error(Exit::kUnreachable, what, "It may succeed later: run the same command again.");
  for (const auto& meaning : meanings()) {
    for (const auto* part : meaning.texts) {
      if (text.find(part) != std::string::npos) throw Error(meaning.code, what, meaning.remedy);
    }
  }
  if (is_not_found(status)) throw Error(Exit::kNotFound, what);
  throw Error(Exit::kFailed, what);
}

}  // namespace fm::cloud
