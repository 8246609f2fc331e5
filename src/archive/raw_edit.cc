#include "archive/raw_edit.h"

#include <bson/bson.h>

#include <cstring>
#include <string_view>

#include "archive/little_endian.h"
#include "archive/paths.h"

namespace fm::archive {

namespace {

std::string_view text_of(const bson_iter_t& at) {
  std::uint32_t size = 0;
  const char* text = bson_iter_utf8(&at, &size);
  return {text, size};
}

// As for_each_path walks a decoded document.
bool holds_relative_path(const bson_iter_t& at, const MediaField& field, std::size_t depth) {
  bson_iter_t inner;
  if (BSON_ITER_HOLDS_ARRAY(&at)) {
    if (!bson_iter_recurse(&at, &inner)) return false;
    while (bson_iter_next(&inner)) {
      if (holds_relative_path(inner, field, depth)) return true;
    }
    return false;
  }
  if (depth == field.keys.size() + (field.attribute.empty() ? 0 : 1)) {
    if (!BSON_ITER_HOLDS_UTF8(&at)) return false;
    const auto path = text_of(at);
    return !path.empty() && !is_absolute(path);
  }
  if (!BSON_ITER_HOLDS_DOCUMENT(&at) || !bson_iter_recurse(&at, &inner)) return false;
  const auto& key = depth < field.keys.size() ? field.keys[depth] : field.attribute;
  return bson_iter_find(&inner, key.c_str()) && holds_relative_path(inner, field, depth + 1);
}

bool holds_relative_path(const MemberEdit& edit, const bson_iter_t& at, std::string_view key) {
  for (const auto& field : edit.media) {
    if (field.keys.front() == key && holds_relative_path(at, field, 1)) return true;
  }
  return false;
}

std::string element_of(const std::string& key, const bson::Value& value) {
  const auto bytes = bson::encode(bson::Document{{key, value}});
  return {reinterpret_cast<const char*>(bytes.data()) + 4, bytes.size() - 5};
}

}  // namespace

bool RawEdit::fits(const MemberEdit& edit) { return edit.work.empty() && !edit.own && edit.tags.empty(); }

RawEdit::RawEdit(const MemberEdit& edit) : edit_(edit) {
  const auto set = [&](const std::string& key, const bson::Value& value) {
    settings_.push_back({key, element_of(key, value)});
  };
  if (edit.now_ms) {
    set("created_at", bson::Date{*edit.now_ms});
    set("last_modified_at", bson::Date{*edit.now_ms});
  }
  if (edit.dataset_id) set("_dataset_id", *edit.dataset_id);
}

bool RawEdit::apply(bson::View document, std::string& out) const {
  const auto start = out.size();
  const auto give_up = [&] {
    out.resize(start);
    return false;
  };
  bool has_id = false;
  bool has_filepath = edit_.frames;
  unsigned done = 0;  // bits of settings_
  put(out, std::int32_t{0});
  bson_iter_t at;
  std::uint32_t end = 0;
  const auto* raw = reinterpret_cast<const char*>(document.data());
  if (!bson_iter_init(&at, document.c())) return give_up();
  while (bson_iter_next(&at)) {
    end = at.next_off;
    const std::string_view key = bson_iter_key(&at);
    has_id = has_id || key == "_id";
    std::string_view element(raw + at.off, at.next_off - at.off);
    for (std::size_t i = 0; i < settings_.size(); ++i) {
      if ((done & 1U << i) != 0 || settings_[i].key != key) continue;
      element = settings_[i].element;
      done |= 1U << i;
    }
    if (edit_.folder && holds_relative_path(edit_, at, key)) return give_up();
    const bool is_filepath = edit_.folder && !has_filepath && key == "filepath";
    has_filepath = has_filepath || is_filepath;
    const auto path = is_filepath && BSON_ITER_HOLDS_UTF8(&at) ? text_of(at) : std::string_view();
    if (path.empty() || is_absolute(path)) {
      out.append(element);
    } else {
      out.append(element_of("filepath", join_normal(*edit_.folder, std::string(path))));
    }
  }
  if (!has_id || end + 1 != document.size()) return give_up();
  for (std::size_t i = 0; i < settings_.size(); ++i) {
    if ((done & 1U << i) == 0) out.append(settings_[i].element);
  }
  out += '\0';
  const auto size = static_cast<std::int32_t>(out.size() - start);
  std::memcpy(out.data() + start, &size, sizeof size);
  return true;
}

}  // namespace fm::archive
