#include "backup/bson_file.h"

#include <zstd.h>

#include <algorithm>

#include "base/error.h"

namespace fm::dump {

namespace {

constexpr std::size_t kBatch = std::size_t{8} << 20;
constexpr std::size_t kRead = std::size_t{1} << 20;
constexpr std::size_t kLargest = (std::size_t{16} << 20) + (std::size_t{64} << 10);  // the server's own limit, and room
constexpr std::size_t kSmallest = 5;

// Of the document that begins there; 4 bytes have to be there.
std::size_t length_at(const char* data) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(data);
  return bytes[0] | std::size_t{bytes[1]} << 8 | std::size_t{bytes[2]} << 16 | std::size_t{bytes[3]} << 24;
}

[[noreturn]] void damaged(const std::string& path, const std::string& why) {
  throw Error(Exit::kMismatch, "The backup is damaged: " + path + " " + why,
              "Use another backup; nothing was written.");
}

}  // namespace

class BsonWriter::Compressor {
 public:
  Compressor() : stream_(ZSTD_createCStream()), out_(ZSTD_CStreamOutSize(), '\0') {
    if (!stream_) throw Error(Exit::kFailed, "no memory to compress with");
    check(ZSTD_CCtx_setParameter(stream_.get(), ZSTD_c_checksumFlag, 1));
  }

  void append(std::string_view data, bool last, OutputFile& file) {
    ZSTD_inBuffer in{data.data(), data.size(), 0};
    std::size_t left = 0;
    do {
      ZSTD_outBuffer out{out_.data(), out_.size(), 0};
      left = check(ZSTD_compressStream2(stream_.get(), &out, &in, last ? ZSTD_e_end : ZSTD_e_continue));
      file.write({out_.data(), out.pos});
    } while (last ? left > 0 : in.pos < in.size);
  }

 private:
  static std::size_t check(std::size_t result) {
    if (ZSTD_isError(result)) throw Error(Exit::kFailed, std::string("zstd: ") + ZSTD_getErrorName(result));
    return result;
  }
  struct Free {
    void operator()(ZSTD_CStream* stream) const { ZSTD_freeCStream(stream); }
  };
  std::unique_ptr<ZSTD_CStream, Free> stream_;
  std::string out_;
};

BsonWriter::BsonWriter(const std::string& path, bool zstd)
    : file_(path), compressor_(zstd ? std::make_unique<Compressor>() : nullptr) {}

BsonWriter::~BsonWriter() = default;

void BsonWriter::append(std::string_view batch) {
  hash_.update(batch);
  facts_.bytes += static_cast<std::int64_t>(batch.size());
  facts_.documents += count_documents(batch);
  if (compressor_) {
    compressor_->append(batch, false, file_);
  } else {
    file_.write(batch);
  }
}

Facts BsonWriter::finish() {
  if (compressor_) compressor_->append({}, true, file_);
  file_.close();
  facts_.sha256 = to_hex(hash_.finish());
  return facts_;
}

class BsonReader::Decompressor {
 public:
  Decompressor() : stream_(ZSTD_createDStream()) {
    if (!stream_) throw Error(Exit::kFailed, "no memory to decompress with");
  }

  // False at the end of the file.
  bool next(InputFile& file, std::string& into) {
    if (in_.pos == in_.size && !ended_) {
      buffer_.clear();
      ended_ = !file.read(buffer_, ZSTD_DStreamInSize());
      in_ = {buffer_.data(), buffer_.size(), 0};
    }
    const auto start = into.size();
    into.resize(start + kRead);
    ZSTD_outBuffer out{into.data() + start, kRead, 0};
    const auto result = ZSTD_decompressStream(stream_.get(), &out, &in_);
    into.resize(start + out.pos);
    if (ZSTD_isError(result)) damaged(file.path(), std::string("is not zstd: ") + ZSTD_getErrorName(result));
    // The very end of an input gives 1 for the frame that might follow.
    if (result == 0) whole_ = true;
    if (out.pos > 0 && result != 0) whole_ = false;
    if (!ended_ || out.pos > 0) return true;
    if (!whole_) damaged(file.path(), "is cut short");
    return false;
  }

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<ZSTD_DStream, Free> stream_;
  std::string buffer_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
  bool ended_ = false;
  bool whole_ = false;
};

BsonReader::BsonReader(const std::string& path, bool zstd)
    : file_(path), decompressor_(zstd ? std::make_unique<Decompressor>() : nullptr) {}

BsonReader::~BsonReader() = default;

bool BsonReader::fill() { return decompressor_ ? decompressor_->next(file_, rest_) : file_.read(rest_, kRead); }

std::string BsonReader::next() {
  bool more = true;
  std::size_t whole = 0;
  while (true) {
    while (rest_.size() - whole >= sizeof(std::uint32_t)) {
      const auto length = length_at(rest_.data() + whole);
      if (length < kSmallest || length > kLargest) damaged(file_.path(), "holds something that is no BSON document");
      if (rest_.size() - whole < length) break;
      whole += length;
    }
    if (whole >= kBatch || !more) break;
    more = fill();
  }
  if (!more && whole < rest_.size()) damaged(file_.path(), "is cut short");
  std::string out;
  if (whole == rest_.size()) {
    out.swap(rest_);
  } else {
    out.assign(rest_, 0, whole);
    rest_.erase(0, whole);
  }
  return out;
}

std::vector<bson::View> split(std::string_view batch) {
  std::vector<bson::View> out;
  while (batch.size() >= kSmallest) {
    const auto length = std::min(length_at(batch.data()), batch.size());
    out.emplace_back(reinterpret_cast<const std::uint8_t*>(batch.data()), length);
    batch.remove_prefix(length);
  }
  return out;
}

std::int64_t count_documents(std::string_view batch) {
  std::int64_t count = 0;
  while (batch.size() >= kSmallest) {
    const auto length = length_at(batch.data());
    if (length < kSmallest || length > batch.size()) break;
    batch.remove_prefix(length);
    ++count;
  }
  if (!batch.empty()) throw Error(Exit::kFailed, "the server sent something that is no BSON document");
  return count;
}

}  // namespace fm::dump
