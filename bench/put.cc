// The floor of the media benchmark: the least that uploading takes.
//
//   bench-put CONNECTIONS < LIST        LIST: a line "FILE<tab>URL" each
//
// One thread, libcurl, connections that are used again; a PUT of each file to
// its URL (signed beforehand) and a look at the status. Nothing is hashed,
// planned, compared or tried again. Ends with 1 when a PUT fails.

#include <curl/curl.h>
#include <sys/stat.h>

#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
struct CloseHandle {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
struct CloseMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

struct Transfer {
  std::unique_ptr<CURL, CloseHandle> handle{curl_easy_init()};
  std::unique_ptr<std::FILE, CloseFile> file;
};

// False at the end of the list.
bool next(Transfer& transfer) {
  std::string line;
  if (!std::getline(std::cin, line)) return false;
  const auto tab = line.find('\t');
  const auto path = line.substr(0, tab);
  const auto url = line.substr(tab + 1);
  struct stat facts {};
  transfer.file.reset(std::fopen(path.c_str(), "rb"));
  if (!transfer.file || fstat(fileno(transfer.file.get()), &facts) != 0) {
    std::perror(path.c_str());
    std::exit(1);
  }
  CURL* handle = transfer.handle.get();
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_READDATA, transfer.file.get());
  curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(facts.st_size));
  return true;
}

void end_of(CURL* handle, CURLcode result) {
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  if (result == CURLE_OK && status == 200) return;
  std::fprintf(stderr, "a PUT failed: %s, status %ld\n", curl_easy_strerror(result), status);
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  const int connections = argc == 2 ? std::atoi(argv[1]) : 0;
  if (connections < 1) {
    std::fprintf(stderr, "usage: bench-put CONNECTIONS < LIST\n");
    return 2;
  }
  curl_global_init(CURL_GLOBAL_ALL);
  const std::unique_ptr<CURLM, CloseMulti> multi(curl_multi_init());
  curl_slist* headers = curl_slist_append(nullptr, "Expect:");
  std::vector<Transfer> transfers(static_cast<std::size_t>(connections));
  int open = 0;
  for (auto& transfer : transfers) {
    CURL* handle = transfer.handle.get();
    curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, 1L << 18);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, stderr);
    curl_easy_setopt(handle, CURLOPT_PRIVATE, &transfer);
    if (!next(transfer)) break;
    curl_multi_add_handle(multi.get(), handle);
    ++open;
  }
  while (open > 0) {
    int running = 0;
    curl_multi_perform(multi.get(), &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* handle = message->easy_handle;
      end_of(handle, message->data.result);
      Transfer* transfer = nullptr;
      curl_easy_getinfo(handle, CURLINFO_PRIVATE, &transfer);
      curl_multi_remove_handle(multi.get(), handle);
      if (next(*transfer)) {
        curl_multi_add_handle(multi.get(), handle);
      } else {
        --open;
      }
    }
    if (open > 0) curl_multi_poll(multi.get(), nullptr, 0, 1000, nullptr);
  }
  transfers.clear();
  curl_slist_free_all(headers);
  return 0;
}
