#include "archive/id_text.h"

#include <utility>

namespace fm::archive {

IdText::IdText(const NewIds& ids, std::function<void(std::string_view)> write) : ids_(ids), write_(std::move(write)) {}

void IdText::add(std::string_view part) {
  if (array_) return array_->feed(part);
  if (decided_) return write_(part);
  held_.append(part);
  if (held_.size() >= IdArray::kPeek) decide();
}

void IdText::decide() {
  decided_ = true;
  const auto begin = std::exchange(held_, {});
  if (const auto layout = IdArray::layout(begin)) {
    array_ = std::make_unique<IdArray>(ids_, *layout, write_);
    array_->feed(begin);
  } else {
    // A quote within JSON in a string has a backslash in front.
    const auto digits = begin.find_last_not_of('\\') + 1;
    const auto renewed = ids_.known(std::string_view(begin).substr(0, digits));
    write_(renewed ? *renewed + begin.substr(digits) : begin);
  }
}

void IdText::end_token() {
  if (!decided_) decide();
  if (array_) array_->finish();
  array_.reset();
  decided_ = false;
}

void IdText::feed(std::string_view piece) {
  while (true) {
    const auto quote = piece.find('"');
    add(piece.substr(0, quote));
    if (quote == std::string_view::npos) return;
    end_token();
    write_("\"");
    piece.remove_prefix(quote + 1);
  }
}

void IdText::finish() { end_token(); }

std::string with_new_ids(const NewIds& ids, std::string_view text) {
  std::string out;
  IdText stream(ids, [&](std::string_view piece) { out.append(piece); });
  stream.feed(text);
  stream.finish();
  return out;
}

}  // namespace fm::archive
