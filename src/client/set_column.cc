#include "client/set_column.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>
#include <set>

#include "base/pool.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Oid;
using bson::Value;

namespace {

constexpr std::size_t kDocuments = 256;
constexpr std::size_t kPlainDocuments = 1000;
constexpr std::size_t kBytes = 4 << 20;

Value literal(const Value& value) { return Document{{"$literal", value}}; }
Value field(const std::string& path) { return "$" + path; }

bool before(const Value& a, const Value& b) {
  const auto* left = a.as<Oid>();
  const auto* right = b.as<Oid>();
  return left && right && *left < *right;
}

class Edits {
 public:
  Edits(Mongo& mongo, const ColumnEdit& edit) : mongo_(mongo), edit_(edit), order_(edit.ids.size()) {
    plain_ =
        edit.list.empty() && edit.parents.empty() && edit.expected.empty() && edit.path.find('.') == std::string::npos;
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return before(edit.ids[a], edit.ids[b]); });
    cut();
  }

  std::size_t batches() const { return starts_.size() - 1; }
  std::size_t size(std::size_t batch) const { return starts_[batch + 1] - starts_[batch]; }

  struct Done {
    std::int64_t edited = 0;
    std::vector<Value> left;
  };
  Done run(std::size_t batch) const {
    const auto begin = starts_[batch];
    const auto end = starts_[batch + 1];
    Array ids;
    for (auto i = begin; i < end; ++i) ids.append(edit_.ids[order_[i]]);
    const auto matched =
        plain_ ? set_each(begin, end)
               : mongo_.update_many(edit_.collection, filter(ids, begin, end), pipeline(begin, end), true).matched;
    Done done{matched, {}};
    if (static_cast<std::size_t>(matched) < end - begin) done.left = left_of(ids, begin, end);
    return done;
  }

 private:
  // A field of the document itself, whatever is there: the server finds each by
  // its _id without a plan, which is cheaper than anything for many.
  std::int64_t set_each(std::size_t begin, std::size_t end) const {
    std::vector<Update> updates;
    updates.reserve(end - begin);
    for (auto i = begin; i < end; ++i) {
      Document set{{edit_.path, edit_.values[order_[i]]}};
      if (!edit_.stamp.empty()) set.append(edit_.stamp, bson::Date{edit_.now_ms});
      updates.emplace_back(Document{{"_id", edit_.ids[order_[i]]}}, Document{{"$set", std::move(set)}});
    }
    return mongo_.update(edit_.collection, updates);
  }

  // Batches are limited in documents and in bytes. Only ObjectIds have an order
  // that is the server's; a document with another _id is a batch of its own.
  void cut() {
    std::size_t bytes = 0;
    const auto sized = [&](std::size_t i) {
      std::size_t n = bson::encoded_size(Document{{"", edit_.values[i]}});
      for (const auto& one : edit_.expected) n += bson::encoded_size(Document{{"", one.values[i]}});
      return n;
    };
    for (std::size_t at = 0; at < order_.size(); ++at) {
      const auto here = order_[at];
      const auto n = sized(here);
      const bool alone = !edit_.ids[here].as<Oid>() || (at > 0 && !edit_.ids[order_[at - 1]].as<Oid>());
      const bool same = at > 0 && !before(edit_.ids[order_[at - 1]], edit_.ids[here]);
      if (at == 0 || alone || same || at - starts_.back() == (plain_ ? kPlainDocuments : kDocuments) ||
          bytes + n > kBytes) {
        starts_.push_back(at);
        bytes = 0;
      }
      bytes += n;
    }
    starts_.push_back(order_.size());
  }

  // The value of a document of the batch, found by its _id: the server looks
  // constants up in a hash table.
  Value of_document(const std::vector<Value>& values, std::size_t begin, std::size_t end) const {
    if (end - begin == 1) return literal(values[order_[begin]]);
    Array ids;
    Array all;
    for (auto i = begin; i < end; ++i) {
      ids.append(edit_.ids[order_[i]]);
      all.append(values[order_[i]]);
    }
    const Document index{{"$indexOfArray", Array{literal(std::move(ids)), "$_id"}}};
    return Document{{"$arrayElemAt", Array{literal(std::move(all)), index}}};
  }

  Document filter(const Array& ids, std::size_t begin, std::size_t end) const {
    Array conditions;
    for (const auto& parent : edit_.parents) {
      conditions.append(Document{{"$eq", Array{Document{{"$type", field(parent)}}, "object"}}});
    }
    for (const auto& one : edit_.expected) {
      conditions.append(Document{{"$eq", Array{found_at(one.path), of_document(one.values, begin, end)}}});
    }
    Document out{{"_id", Document{{"$in", ids}}}};
    if (!conditions.empty()) out.append("$expr", Document{{"$and", std::move(conditions)}});
    return out;
  }

  // What stands there; inside the list one item an element, null where it is missing.
  Value found_at(const std::string& path) const {
    const auto or_null = [](const Value& value) { return Document{{"$ifNull", Array{value, bson::Null{}}}}; };
    if (edit_.list.empty() || !path.starts_with(edit_.list + ".")) return or_null(field(path));
    const auto inner = field("$this" + path.substr(edit_.list.size()));
    return or_null(Document{{"$map", Document{{"input", field(edit_.list)}, {"in", or_null(inner)}}}});
  }

  Array pipeline(std::size_t begin, std::size_t end) const {
    Document set{edit_.list.empty() ? bson::Element{edit_.path, of_document(edit_.values, begin, end)}
                                    : bson::Element{edit_.list, elements(begin, end)}};
    if (!edit_.stamp.empty()) set.append(edit_.stamp, bson::Date{edit_.now_ms});
    return Array{Document{{"$set", std::move(set)}}};
  }

  // The list with the n-th value in the n-th element.
  Value elements(std::size_t begin, std::size_t end) const {
    const auto inner = edit_.path.substr(edit_.list.size() + 1);
    const Document element{{"$arrayElemAt", Array{field(edit_.list), "$$i"}}};
    const Document value{{"$arrayElemAt", Array{"$$values", "$$i"}}};
    // A dotted name in $mergeObjects would be one key with a dot.
    Value change = Document{{inner.substr(inner.rfind('.') + 1), "$$value"}};
    for (auto rest = inner; rest.rfind('.') != std::string::npos;) {
      rest.resize(rest.rfind('.'));
      const Document merged{{"$mergeObjects", Array{field("$element." + rest), change}}};
      change = Document{{rest.substr(rest.rfind('.') + 1), merged}};
    }
    Value edited = Document{{"$mergeObjects", Array{"$$element", change}}};
    if (edit_.keep_for_null) {
      edited = Document{{"$cond", Array{Document{{"$eq", Array{"$$value", bson::Null{}}}}, "$$element", edited}}};
    }
    const Document one{{"$let", Document{{"vars", Document{{"element", element}, {"value", value}}}, {"in", edited}}}};
    const Document range{{"$range", Array{0, Document{{"$size", field(edit_.list)}}}}};
    const Document all{{"$map", Document{{"input", range}, {"as", "i"}, {"in", one}}}};
    return Document{
        {"$let", Document{{"vars", Document{{"values", of_document(edit_.values, begin, end)}}}, {"in", all}}}};
  }

  // Which documents of the batch do not carry its edit.
  std::vector<Value> left_of(const Array& ids, std::size_t begin, std::size_t end) const {
    std::vector<Value> out;
    std::set<std::string> edited;
    const auto key = [](const Value& id) {
      const auto bytes = bson::encode(Document{{"", id}});
      return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    };
    Document query{{"_id", Document{{"$in", ids}}}};
    if (!edit_.stamp.empty()) {
      query.append(edit_.stamp, bson::Date{edit_.now_ms});
    } else {
      query = filter(ids, begin, end);
    }
    FindOptions options;
    options.projection = Document{{"_id", 1}};
    mongo_.find(edit_.collection, query, options,
                [&](const bson::View& view) { edited.insert(key(*view.get("_id"))); });
    for (const auto& id : ids) {
      if (!edited.contains(key(id))) out.push_back(id);
    }
    return out;
  }

  Mongo& mongo_;
  const ColumnEdit& edit_;
  bool plain_ = false;
  std::vector<std::size_t> order_;   // of the ids, ascending
  std::vector<std::size_t> starts_;  // of the batches, in `order_`; the last is the end
};

}  // namespace

ColumnResult set_column(Mongo& mongo, const ColumnEdit& edit, std::size_t jobs, const ColumnProgress& progress) {
  ColumnResult out;
  if (edit.ids.empty()) return out;
  const Edits edits(mongo, edit);
  std::mutex mutex;
  std::atomic<bool> stopped = false;
  std::size_t done = 0;
  // Those that work at the same time are far apart, so that they do not want the
  // same pages of the server.
  const auto lanes = std::min(std::max<std::size_t>(jobs, 1), edits.batches());
  const auto lane = (edits.batches() + lanes - 1) / lanes;
  parallel_for(lanes, lanes * lane, [&](std::size_t turn, std::size_t) {
    const auto batch = turn % lanes * lane + turn / lanes;
    if (stopped || batch >= edits.batches()) return;
    auto result = edits.run(batch);
    const std::lock_guard lock(mutex);
    out.edited += result.edited;
    std::move(result.left.begin(), result.left.end(), std::back_inserter(out.left));
    done += edits.size(batch);
    if (!progress(done)) stopped = true;
  });
  return out;
}

}  // namespace fm
