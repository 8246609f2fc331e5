// Reading and editing documents.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>

#include "base/error.h"
#include "bson_python.h"
#include "client/remove_dataset.h"
#include "client/set_column.h"
#include "client/wait.h"
#include "connection.h"
#include "cursor.h"
#include "plan/refusals.h"
#include "revisions/catalogue.h"
#include "work.h"

namespace fm::python {

using bson::Document;
using bson::View;

namespace {

using Keys = std::vector<std::string>;

std::optional<Document> optional_document(nb::handle mapping) {
  return mapping.is_none() ? std::nullopt : std::optional(to_document(mapping));
}

// A query, as Python gives it: a filter and options, or a pipeline.
struct Query {
  std::string collection;
  Document filter;
  FindOptions options;
  std::optional<bson::Array> pipeline;

  Query(std::string name, nb::handle what, nb::handle projection, nb::handle sort) : collection(std::move(name)) {
    if (nb::isinstance<nb::list>(what)) {
      pipeline = *to_value(what).as<bson::Array>();
      return;
    }
    filter = to_document(what);
    options.projection = optional_document(projection);
    options.sort = optional_document(sort);
  }

  void read(Mongo& mongo, const std::function<void(View)>& visit) const {
    if (pipeline) {
      mongo.aggregate(collection, *pipeline, visit);
    } else {
      mongo.find(collection, filter, options, visit);
    }
  }
};

void for_each(const std::string& chunk, const std::function<void(View)>& visit) {
  for (std::size_t at = 0; at < chunk.size();) {
    std::int32_t size = 0;
    std::memcpy(&size, chunk.data() + at, sizeof size);
    visit(View(reinterpret_cast<const std::uint8_t*>(chunk.data()) + at, static_cast<std::size_t>(size)));
    at += static_cast<std::size_t>(size);
  }
}

// The next chunk with something in it; Ctrl-C is answered meanwhile.
std::optional<std::string> next_chunk(Cursor& cursor) {
  for (;;) {
    std::optional<std::string> chunk;
    {
      const nb::gil_scoped_release free;
      chunk = cursor.next();
    }
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
    if (!chunk || !chunk->empty()) return chunk;
  }
}

// An iterator over documents.
class Documents {
 public:
  Documents(Connection& connection, Query query) {
    cursor_ = std::make_unique<Cursor>([mongo = connection.mongo(), query = std::move(query)](
                                           const Cursor::Visit& visit) { query.read(*mongo, visit); });
  }
  nb::object next() {
    while (at_ == chunk_.size()) {
      auto chunk = next_chunk(*cursor_);
      if (!chunk) throw nb::stop_iteration();
      chunk_ = std::move(*chunk);
      at_ = 0;
    }
    std::int32_t size = 0;
    std::memcpy(&size, chunk_.data() + at_, sizeof size);
    const View view(reinterpret_cast<const std::uint8_t*>(chunk_.data()) + at_, static_cast<std::size_t>(size));
    at_ += static_cast<std::size_t>(size);
    return to_python(view);
  }

 private:
  std::unique_ptr<Cursor> cursor_;
  std::string chunk_;
  std::size_t at_ = 0;
};

// Python's collector looks through all objects now and then, the more of them are
// made the oftener; none of those made meanwhile is garbage.
class NoCollection {
 public:
  NoCollection() : was_on_(PyGC_Disable() == 1) {}
  NoCollection(const NoCollection&) = delete;
  NoCollection& operator=(const NoCollection&) = delete;
  ~NoCollection() {
    if (was_on_) PyGC_Enable();
  }

 private:
  bool was_on_;
};

nb::list columns(Connection& self, const Query& query, const std::vector<Keys>& paths,
                 const std::vector<bool>& ids_as_text) {
  const NoCollection paused;
  std::vector<nb::list> out(paths.size());
  // The thread may outlive the call.
  Cursor cursor([mongo = self.mongo(), query](const Cursor::Visit& visit) { query.read(*mongo, visit); });
  while (auto chunk = next_chunk(cursor)) {
    for_each(*chunk, [&](View document) {
      for (std::size_t i = 0; i < paths.size(); ++i) out[i].append(value_at(document, paths[i], ids_as_text[i]));
    });
  }
  nb::list result;
  for (auto& column : out) result.append(column);
  return result;
}

std::vector<bson::Value> values_of(nb::handle list) {
  std::vector<bson::Value> out;
  out.reserve(nb::len(list));
  for (nb::handle item : list) out.push_back(to_value(item));
  return out;
}

std::int64_t now_ms() {
  using std::chrono::system_clock;
  return std::chrono::duration_cast<std::chrono::milliseconds>(system_clock::now().time_since_epoch()).count();
}

nb::object set_column_of(Connection& self, nb::handle listener, const std::string& collection, nb::handle ids,
                         nb::handle values, const std::string& path, const std::string& list, bool keep_for_null,
                         const std::vector<std::string>& parents, nb::dict expected, const std::string& stamp) {
  ColumnEdit edit;
  edit.collection = collection;
  edit.ids = values_of(ids);
  edit.values = values_of(values);
  edit.path = path;
  edit.list = list;
  edit.keep_for_null = keep_for_null;
  edit.parents = parents;
  for (auto [name, column] : expected) {
    edit.expected.push_back({nb::cast<std::string>(name), values_of(column)});
  }
  edit.stamp = stamp;
  edit.now_ms = now_ms();
  const auto mongo = self.mongo();
  const auto jobs = self.load_settings().run.jobs;
  ColumnResult result;
  run_work(listener, [&](Reports& reports) {
    const auto total = static_cast<std::int64_t>(edit.ids.size());
    result = set_column(*mongo, edit, jobs, [&](std::size_t done) {
      if (reports.stopping()) return false;
      reports.progress("Writing values", static_cast<std::int64_t>(done), total);
      return true;
    });
  });
  nb::list left;
  for (const auto& id : result.left) left.append(to_python(id));
  return nb::make_tuple(result.edited, left);
}

// The document of a dataset that may be edited: nobody has it half-way.
Document editable(Mongo& mongo, const LoadSettings& settings, const std::string& name) {
  const auto heads = read_heads(mongo, Document{{"name", name}});
  check_client(built_in_catalogue(), heads.heads, settings);
  const auto document = mongo.find_one("datasets", Document{{"name", name}});
  if (!document) throw refusals::dataset_not_found(name);
  for (const auto& head : heads.heads.datasets) {
    if (head.version == kParkedVersion) throw refusals::dataset_parked(name);
  }
  return *document;
}

void remove(Connection& self, nb::handle listener, const std::string& name) {
  const auto mongo = self.mongo();
  const auto settings = self.load_settings();
  run_work(listener, [&](Reports& reports) {
    editable(*mongo, settings, name);
    const auto lease = wait_for_lease(*mongo, settings.patience, [&] { return !reports.stopping(); });
    if (lease) remove_dataset(*mongo, editable(*mongo, settings, name));
  });
}

template <class F>
auto without_lock(F&& work) {
  const nb::gil_scoped_release free;
  return work();
}

}  // namespace

void bind_documents(nb::module_& module, nb::class_<Connection>& connection) {
  nb::class_<Documents>(module, "Documents")
      .def("__iter__", [](nb::handle self) { return nb::borrow(self); })
      .def("__next__", &Documents::next);

  connection
      .def(
          "find",
          [](Connection& self, const std::string& collection, nb::handle what, nb::handle projection, nb::handle sort) {
            return new Documents(self, Query(collection, what, projection, sort));
          },
          nb::arg("collection"), nb::arg("what"), nb::arg("projection").none() = nb::none(),
          nb::arg("sort").none() = nb::none(), nb::keep_alive<0, 1>(),
          "An iterator over the documents that a filter (dict) or a pipeline (list) gives.")
      .def(
          "find_one",
          [](Connection& self, const std::string& collection, nb::handle filter, nb::handle projection) -> nb::object {
            const auto query = to_document(filter);
            FindOptions options;
            options.projection = optional_document(projection);
            const auto mongo = self.mongo();
            const auto found = without_lock([&] { return mongo->find_one(collection, query, options); });
            return found ? to_python(*found) : nb::none();
          },
          nb::arg("collection"), nb::arg("filter"), nb::arg("projection").none() = nb::none())
      .def(
          "columns",
          [](Connection& self, const std::string& collection, nb::handle what, const std::vector<Keys>& paths,
             const std::vector<bool>& ids_as_text, nb::handle projection,
             nb::handle sort) { return columns(self, Query(collection, what, projection, sort), paths, ids_as_text); },
          nb::arg("collection"), nb::arg("what"), nb::arg("paths"), nb::arg("ids_as_text"),
          nb::arg("projection").none() = nb::none(), nb::arg("sort").none() = nb::none(),
          "One list for each path, with an item for each document.")
      .def(
          "count",
          [](Connection& self, const std::string& collection, nb::handle filter) {
            const auto query = to_document(filter);
            const auto mongo = self.mongo();
            return without_lock([&] { return mongo->count(collection, query); });
          },
          nb::arg("collection"), nb::arg("filter"))
      .def(
          "update",
          [](Connection& self, const std::string& collection, nb::handle filter, nb::handle update) {
            const std::vector<Update> updates{Update(to_bson(filter), to_bson(update))};
            const auto mongo = self.mongo();
            return without_lock([&] { return mongo->update(collection, updates); });
          },
          nb::arg("collection"), nb::arg("filter"), nb::arg("update"),
          "Update operators on one document; how many the filter found.")
      .def("set_column", &set_column_of, nb::arg("listener"), nb::arg("collection"), nb::arg("ids"), nb::arg("values"),
           nb::arg("path"), nb::arg("list"), nb::arg("keep_for_null"), nb::arg("parents"), nb::arg("expected"),
           nb::arg("stamp"), "See set_column.h; (edited, [ids left alone]).")
      .def("remove", &remove, nb::arg("listener"), nb::arg("name"));
}

}  // namespace fm::python
