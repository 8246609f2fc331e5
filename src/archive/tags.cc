#include "archive/tags.h"

#include <fmt/format.h>

#include <chrono>
#include <vector>

#include "archive/extended_json.h"
#include "bson/read.h"

namespace fm::archive {

using bson::Document;
using bson::Value;

namespace {

// "2026-11-23T03:14:21.636000", UTC.
std::string plain_time(std::int64_t ms) {
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(ms)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  auto out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                         static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                         clock.minutes().count(), clock.seconds().count());
  if (clock.subseconds().count() != 0) out += fmt::format(".{:03}000", clock.subseconds().count());
  return out;
}

Value required(const Document& record, const char* key) {
  const auto* value = record.find(key);
  if (!value || value->is_null()) throw std::string("the tag has no ") + key;
  return *value;
}

void put_time(const Document& record, const char* key, Document& out) {
  const auto* value = record.find(key);
  if (!value || value->is_null()) return;
  if (value->as<bson::Date>()) return out.append(key, *value);
  const auto* text = value->as<std::string>();
  const auto ms = text ? parse_date(*text) : std::nullopt;
  if (!ms) throw std::string("the tag's ") + key + " is no date";
  out.append(key, bson::Date{*ms});
}

}  // namespace

Document tag_document(const Document& record, const Value& dataset, const ops::IdGenerator& ids, std::size_t ordinal) {
  Document out{{"_id", ids.make("archive", dataset, "tag", "", ordinal)}, {"_dataset_id", dataset}};
  const auto sample = bson::Oid::from_hex(bson::text_at(record, "sample_id"));
  if (!sample) throw std::string("the tag's sample_id is no ObjectId");
  out.append("_sample_id", *sample);
  const auto* anchor = record.find("anchor");
  out.append("anchor", anchor ? *anchor : Value());
  out.append("end", required(record, "end"));
  out.append("index_type", required(record, "index_type"));
  const auto* kind = record.find("kind");
  out.append("kind", kind && !kind->is_null() ? *kind : Value("temporal"));
  out.append("start", required(record, "start"));
  out.append("tag", required(record, "tag"));
  const auto start = out.find("start")->integer();
  const auto end = out.find("end")->integer();
  if (!start || !end || *start >= *end) throw std::string("Temporal tag ranges must satisfy start < end");
  put_time(record, "created_at", out);
  if (const auto* by = record.find("created_by"); by && !by->is_null()) out.append("created_by", *by);
  put_time(record, "last_modified_at", out);
  if (const auto* by = record.find("last_modified_by"); by && !by->is_null()) out.append("last_modified_by", *by);
  return out;
}

Document tag_record(const Document& tag) {
  Document out;
  const auto* sample = tag.find("_sample_id");
  const auto* oid = sample ? sample->as<bson::Oid>() : nullptr;
  out.append("sample_id", oid ? Value(oid->hex()) : Value());
  for (const char* key : {"index_type", "start", "end", "tag"}) {
    const auto* value = tag.find(key);
    out.append(key, value ? *value : Value());
  }
  for (const char* key : {"anchor", "created_by", "last_modified_by", "created_at", "last_modified_at", "kind"}) {
    const auto* value = tag.find(key);
    if (!value || value->is_null()) continue;
    const auto* date = value->as<bson::Date>();
    out.append(key, date ? Value(plain_time(date->ms)) : *value);
  }
  return out;
}

Document tag_order() {
  return {{"_sample_id", 1}, {"index_type", 1}, {"anchor", 1}, {"start", 1}, {"end", 1}, {"tag", 1}, {"_id", 1}};
}

std::vector<Document> tag_indexes() {
  const auto index = [](const char* name, std::initializer_list<const char*> keys, bool unique) {
    Document key;
    for (const auto* one : keys) key.append(one, 1);
    Document out{{"key", std::move(key)}, {"name", name}};
    if (unique) out.append("unique", true);
    return out;
  };
  return {index("unique_temporal_tag",
                {"_dataset_id", "_sample_id", "kind", "index_type", "anchor", "start", "end", "tag"}, true),
          index("temporal_tag_overlap", {"_dataset_id", "_sample_id", "kind", "index_type", "anchor", "start", "end"},
                false)};
}

}  // namespace fm::archive
