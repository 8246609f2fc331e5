#include "archive/id_array.h"

#include <zlib.h>

#include <algorithm>
#include <array>

#include "archive/base64.h"
#include "base/error.h"

namespace fm::archive {

namespace {

constexpr std::size_t kIdLength = 24;
constexpr std::size_t kBuffer = std::size_t{64} << 10;

[[noreturn]] void fail() {
  throw Error(Exit::kMismatch, "The results of a run hold an array that is damaged",
              "Leave runs out (--no-runs), or delete that run and export again.");
}

z_const Bytef* in(std::string_view bytes) {
  return const_cast<z_const Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
}

}  // namespace

struct IdArray::Streams {
  z_stream in{};
  z_stream out{};
  bool ended = false;

  Streams() {
    if (inflateInit(&in) != Z_OK) throw std::bad_alloc();
    if (deflateInit(&out, Z_DEFAULT_COMPRESSION) != Z_OK) {
      inflateEnd(&in);
      throw std::bad_alloc();
    }
  }
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;
  ~Streams() {
    inflateEnd(&in);
    deflateEnd(&out);
  }
};

std::optional<IdArray::Layout> IdArray::layout(std::string_view base64) {
  if (!base64.starts_with('e')) return std::nullopt;  // 0x78, which begins a zlib stream
  std::string packed;
  if (!decode_base64(base64.substr(0, std::min(base64.size(), kPeek) / 4 * 4), packed)) return std::nullopt;
  std::array<char, 256> head{};
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) throw std::bad_alloc();
  stream.next_in = ::fm::archive::in(packed);
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(head.data());
  stream.avail_out = static_cast<uInt>(head.size());
  ::inflate(&stream, Z_SYNC_FLUSH);
  const std::string_view found(head.data(), head.size() - stream.avail_out);
  inflateEnd(&stream);
  constexpr std::string_view kMagic = "\x93NUMPY\x01";
  if (found.size() < 10 || !found.starts_with(kMagic)) return std::nullopt;
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(found[i])); };
  Layout out;
  out.header = 10 + byte(8) + (byte(9) << 8);
  const auto header = found.substr(10, out.header - 10);
  if (header.find("'<U24'") != std::string_view::npos) {
    out.width = 4;
  } else if (header.find("'|S24'") != std::string_view::npos) {
    out.width = 1;
  } else {
    return std::nullopt;
  }
  return out;
}

IdArray::IdArray(const NewIds& ids, Layout layout, std::function<void(std::string_view)> write)
    : ids_(ids), layout_(layout), write_(std::move(write)), streams_(std::make_unique<Streams>()) {}

IdArray::~IdArray() = default;

void IdArray::feed(std::string_view base64) {
  in_.append(base64);
  const auto whole = in_.size() / 4 * 4;
  std::string packed;
  if (!decode_base64(std::string_view(in_).substr(0, whole), packed)) fail();
  in_.erase(0, whole);
  auto& stream = streams_->in;
  stream.next_in = in(packed);
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string buffer(kBuffer, '\0');
  while (!streams_->ended) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    const auto status = ::inflate(&stream, Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) fail();
    streams_->ended = status == Z_STREAM_END;
    inflated(std::string_view(buffer).substr(0, buffer.size() - stream.avail_out));
    if (stream.avail_out > 0) break;
  }
}

void IdArray::inflated(std::string_view bytes) {
  if (layout_.header > 0) {
    const auto head = bytes.substr(0, layout_.header);
    deflate(head, false);
    layout_.header -= head.size();
    bytes.remove_prefix(head.size());
  }
  item_.append(bytes);
  const auto size = kIdLength * layout_.width;
  const auto whole = item_.size() / size * size;
  std::string id(kIdLength, '\0');
  for (std::size_t at = 0; at < whole; at += size) {
    bool plain = true;
    for (std::size_t i = 0; i < kIdLength; ++i) {
      const auto* unit = item_.data() + at + i * layout_.width;
      id[i] = unit[0];
      plain = plain && std::all_of(unit + 1, unit + layout_.width, [](char c) { return c == 0; });
    }
    const auto renewed = plain ? ids_.known(id) : std::nullopt;
    for (std::size_t i = 0; renewed && i < kIdLength; ++i) item_[at + i * layout_.width] = (*renewed)[i];
  }
  deflate(std::string_view(item_).substr(0, whole), false);
  item_.erase(0, whole);
}

void IdArray::deflate(std::string_view bytes, bool last) {
  auto& stream = streams_->out;
  stream.next_in = in(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string buffer(kBuffer, '\0');
  do {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    ::deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH);
    out_.append(buffer, 0, buffer.size() - stream.avail_out);
  } while (stream.avail_out == 0);
  const auto whole = last ? out_.size() : out_.size() / 3 * 3;
  std::string text;
  encode_base64(std::string_view(out_).substr(0, whole), text);
  out_.erase(0, whole);
  if (!text.empty()) write_(text);
}

void IdArray::finish() {
  if (!in_.empty() || !streams_->ended) fail();
  deflate(item_, true);
}

}  // namespace fm::archive
