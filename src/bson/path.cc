#include "bson/path.h"

#include <utility>

namespace fm::bson {

Path::Path(std::string_view dotted) {
  std::size_t start = 0;
  for (std::size_t dot; (dot = dotted.find('.', start)) != std::string_view::npos; start = dot + 1) {
    parts_.emplace_back(dotted.substr(start, dot - start));
  }
  parts_.emplace_back(dotted.substr(start));
}

Path Path::of_key(std::string key) {
  Path out;
  out.parts_.push_back(std::move(key));
  return out;
}

std::string Path::str() const {
  std::string text;
  for (const std::string& part : parts_) {
    if (&part != &parts_.front()) {
      text += '.';
    }
    text += part;
  }
  return text;
}

const Document* Path::parent(const Document& doc) const {
  const Document* at = parts_.empty() ? nullptr : &doc;
  for (std::size_t i = 0; at != nullptr && i + 1 < parts_.size(); ++i) {
    const Value* value = at->find(parts_[i]);
    at = value != nullptr ? value->as<Document>() : nullptr;
  }
  return at;
}

Document* Path::parent(Document& doc) const { return const_cast<Document*>(parent(std::as_const(doc))); }

const Value* Path::find(const Document& doc) const {
  const Document* holder = parent(doc);
  return holder != nullptr ? holder->find(leaf()) : nullptr;
}

Value* Path::find(Document& doc) const { return const_cast<Value*>(find(std::as_const(doc))); }

}  // namespace fm::bson
