#include "cloud/s3_requests.h"

#include <arrow/status.h>
#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>
#include <exception>
#include <thread>

#include "base/error.h"
#include "cloud/encoding.h"
#include "cloud/status.h"
#include "media/retry.h"

namespace fm::cloud {

using namespace std::chrono_literals;

namespace {

constexpr int kAttempts = 5;
constexpr std::chrono::milliseconds kFirstPause = 200ms;
constexpr std::chrono::milliseconds kLongestPause = 20s;
constexpr long kConnectSeconds = 5;
constexpr long kSilentSeconds = 60;
constexpr std::int64_t kLeastBuffer = std::int64_t{16} << 10;  // of libcurl
constexpr std::int64_t kMostBuffer = std::int64_t{256} << 10;
constexpr std::size_t kLongestAnswer = std::size_t{1} << 20;

struct Answer : S3Answer {
  CURLcode failure = CURLE_OK;
  long status = 0;
  std::string date;
  long retry_after = 0;  // seconds

  // The end of an upload in parts may fail behind a good status.
  bool good() const {
    return failure == CURLE_OK && (status == 200 || status == 204) && body.find("<Error>") == std::string::npos;
  }
  bool skewed() const { return status == 403 && body.find("RequestTimeTooSkewed") != std::string::npos; }
  bool may_pass() const {
    if (failure != CURLE_OK) return failure != CURLE_PEER_FAILED_VERIFICATION;
    const auto code = element(body, "Code");
    const bool lost_on_the_way = code == "RequestTimeout" || code == "IncompleteBody" || code == "BadDigest" ||
                                 code == "XAmzContentSHA256Mismatch" || code == "XAmzContentChecksumMismatch";
    return status == 200 || status == 429 || status == 408 || status >= 500 || lost_on_the_way;
  }
  // For the table of cloud/status.cc.
  std::string text() const {
    if (failure != CURLE_OK) return std::string("curl: ") + curl_easy_strerror(failure);
    return "HTTP status " + std::to_string(status) + " " + element(body, "Code") + ": " + element(body, "Message");
  }
};

std::string value_of(std::string_view line, std::string_view name) {
  if (line.size() < name.size() || strncasecmp(line.data(), name.data(), name.size()) != 0) return "";
  auto value = line.substr(name.size());
  while (!value.empty() && (value.front() == ' ' || value.front() == '"')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == '\n' || value.back() == '\r' || value.back() == ' ' || value.back() == '"'))
    value.remove_suffix(1);
  return std::string(value);
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* answer) {
  auto& out = *static_cast<Answer*>(answer);
  const std::string_view line(data, size);
  if (const auto value = value_of(line, "etag:"); !value.empty()) out.etag = value;
  if (const auto value = value_of(line, "x-amz-checksum-sha256:"); !value.empty()) out.sha256 = hex_of_base64(value);
  if (const auto value = value_of(line, "date:"); !value.empty()) out.date = value;
  if (const auto value = value_of(line, "retry-after:"); !value.empty()) out.retry_after = std::atol(value.c_str());
  return size;
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* answer) {
  auto& out = *static_cast<Answer*>(answer);
  if (out.body.size() < kLongestAnswer) out.body.append(data, size);
  return size;
}

// libcurl knows one place for the certificates of authorities, that of the system
// where it was built; other systems have others. Empty: libcurl's own is there.
std::string authorities() {
  const auto* known = curl_version_info(CURLVERSION_NOW);
  if (known->age >= CURLVERSION_SEVENTH && known->cainfo && access(known->cainfo, R_OK) == 0) return "";
  for (const char* path : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                           "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
    if (access(path, R_OK) == 0) return path;
  }
  return "";
}

std::string amazon_time(std::time_t seconds) {
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts)};
}

void pause(int attempt, long retry_after) {
  const auto own = media::backoff(attempt, kFirstPause);
  std::this_thread::sleep_for(
      std::min<std::chrono::milliseconds>(kLongestPause, std::max(own, std::chrono::milliseconds(1000 * retry_after))));
}

}  // namespace

std::string element(const std::string& xml, const std::string& name) {
  const auto start = xml.find("<" + name + ">");
  const auto end = xml.find("</" + name + ">", start);
  if (start == std::string::npos || end == std::string::npos) return "";
  const auto from = start + name.size() + 2;
  return xml.substr(from, end - from);
}

struct S3Requests::Connection {
  struct Close {
    void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  };
  std::unique_ptr<CURL, Close> handle{curl_easy_init()};
  const S3Body* body = nullptr;
  std::int64_t sent = 0;
  std::exception_ptr failure;  // of reading the body

  Answer send(const S3Request& request, const std::string& url, const std::map<std::string, std::string>& headers,
              const S3Body& content, const std::string& ca_file);
};

namespace {

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::size_t on_read(char* buffer, std::size_t, std::size_t capacity, void* connection) {
  auto& from = *static_cast<S3Requests::Connection*>(connection);
  try {
    const auto wanted =
        static_cast<std::size_t>(std::min(static_cast<std::int64_t>(capacity), from.body->size - from.sent));
    if (wanted == 0) return 0;
    if (from.body->read(from.sent, buffer, wanted) != wanted) {
      throw Error(Exit::kFailed, "The content changed while it was read");
    }
    from.sent += static_cast<std::int64_t>(wanted);
    return wanted;
  } catch (...) {
    from.failure = std::current_exception();
    return CURL_READFUNC_ABORT;
  }
}

// A connection that was kept and is closed by now: libcurl sends it again.
int on_seek(void* connection, curl_off_t offset, int) {
  static_cast<S3Requests::Connection*>(connection)->sent = offset;
  return CURL_SEEKFUNC_OK;
}

}  // namespace

Answer S3Requests::Connection::send(const S3Request& request, const std::string& url,
                                    const std::map<std::string, std::string>& headers, const S3Body& content,
                                    const std::string& ca_file) {
  Answer answer;
  body = &content;
  sent = 0;
  failure = nullptr;
  std::unique_ptr<curl_slist, FreeList> list;
  const auto add = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer) (void)list.release();
    list.reset(longer);
  };
  add("Host: " + request.host);
  add("Expect:");
  for (const auto& [name, value] : headers) add(name + ": " + value);
  CURL* curl = handle.get();
  curl_easy_reset(curl);  // the connection stays
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  if (content.read || request.method == "PUT") {
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(content.size));
  }
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list.get());
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
  curl_easy_setopt(curl, CURLOPT_READDATA, this);
  curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
  curl_easy_setopt(curl, CURLOPT_SEEKDATA, this);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &answer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE,
                   static_cast<long>(std::clamp(content.size, kLeastBuffer, kMostBuffer)));
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");  // as Arrow: settings name proxies, the environment does not
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kSilentSeconds);
  if (!ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file.c_str());
  answer.failure = curl_easy_perform(curl);
  if (failure) std::rethrow_exception(failure);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

S3Requests::S3Requests(Text endpoint, Text region, std::string ca_file, int connections,
                       std::function<S3Credentials()> credentials)
    : endpoint_(std::move(endpoint)),
      region_(std::move(region)),
      ca_file_(ca_file.empty() ? authorities() : std::move(ca_file)),
      credentials_(std::move(credentials)),
      slots_(connections) {
  static const bool started = curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK;
  (void)started;
}

S3Requests::~S3Requests() = default;

std::unique_ptr<S3Requests::Connection> S3Requests::take() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Connection>();
  auto out = std::move(idle_.back());
  idle_.pop_back();
  return out;
}

S3Answer S3Requests::exchange(S3Request request, const S3Body& body, const std::string& doing) {
  slots_.acquire();
  const std::unique_ptr<std::counting_semaphore<>, void (*)(std::counting_semaphore<>*)> slot(
      &slots_, [](std::counting_semaphore<>* slots) { slots->release(); });
  auto connection = take();
  const auto bucket = request.path.substr(1, request.path.find('/', 1) - 1);
  const auto region = region_(bucket);
  const auto endpoint = endpoint_(region);
  request.host = endpoint.substr(endpoint.find("://") + 3);
  const auto query = encoded_query(request.query);
  const auto url = endpoint + request.path + (query.empty() ? "" : "?" + query);
  bool by_their_clock = false;
  for (int attempt = 0;; ++attempt) {
    long skew = 0;
    {
      const std::lock_guard lock(mutex_);
      skew = skew_;
    }
    const auto headers = sign(request, credentials_(), region, amazon_time(std::time(nullptr) + skew));
    auto answer = connection->send(request, url, headers, body, ca_file_);
    if (answer.good()) {
      const std::lock_guard lock(mutex_);
      idle_.push_back(std::move(connection));
      return answer;
    }
    const auto theirs = answer.skewed() ? curl_getdate(answer.date.c_str(), nullptr) : -1;
    if (theirs >= 0 && !by_their_clock) {
      by_their_clock = true;
      const std::lock_guard lock(mutex_);
      skew_ = static_cast<long>(theirs - std::time(nullptr));
      continue;
    }
    if (!answer.may_pass() || attempt + 1 == kAttempts) fail(arrow::Status::IOError(answer.text()), doing);
    pause(attempt, answer.retry_after);
  }
}

}  // namespace fm::cloud
