// Loading with its lazy upgrade, and the migrations of the original.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "base/error.h"
#include "bson_python.h"
#include "client/migrate.h"
#include "connection.h"
#include "revisions/catalogue.h"
#include "revisions/version_map.h"
#include "work.h"

namespace fm::python {

namespace {

using Names = std::vector<std::string>;

nb::object load_dataset(Connection& self, nb::handle listener, const std::string& name) {
  const auto mongo = self.mongo();
  const auto settings = self.load_settings();
  bson::Document document;
  run_work(listener,
           [&](Reports& reports) { document = load_dataset(*mongo, built_in_catalogue(), name, settings, reports); });
  return to_python(document);
}

// Every call that uses the data looks at the version again.
void check(Connection& self) {
  const auto mongo = self.mongo();
  const auto settings = self.load_settings();
  const nb::gil_scoped_release free;
  // No dataset has this for an _id.
  const auto heads = read_heads(*mongo, bson::Document{{"_id", bson::Null{}}});
  check_client(built_in_catalogue(), heads.heads, settings);
}

struct Wanted {
  Request request;
  Wanted(std::optional<std::string> target, bool all, Names names) {
    request.target = std::move(target);
    request.all = all;
    request.names = std::move(names);
  }
};

void migrate(Connection& self, nb::handle listener, std::optional<std::string> target, bool all, Names names,
             int error_level, bool verbose, bool allow_loss) {
  const Wanted wanted(std::move(target), all, std::move(names));
  const auto mongo = self.mongo();
  auto settings = self.load_settings();
  settings.run.refuse_all = error_level <= 0;
  settings.run.verbose = verbose;
  settings.run.allow_loss = allow_loss;
  run_work(listener,
           [&](Reports& reports) { migrate_request(*mongo, built_in_catalogue(), wanted.request, settings, reports); });
}

bool has_revisions(Connection& self, std::optional<std::string> target, Names names) {
  const Wanted wanted(std::move(target), false, std::move(names));
  const auto mongo = self.mongo();
  const auto settings = self.load_settings();
  const nb::gil_scoped_release free;
  const auto plan = plan_request(built_in_catalogue(), read_heads(*mongo), wanted.request, settings);
  if (!plan.refused.empty()) throw plan.refused.front().error;
  for (const auto& move : plan.datasets) {
    if (!plan.routes[move.route].revisions.empty()) return true;
  }
  return false;
}

nb::object heads(Connection& self) {
  const auto mongo = self.mongo();
  DatabaseHeads found;
  {
    const nb::gil_scoped_release free;
    found = read_heads(*mongo);
  }
  const auto optional = [](const std::optional<std::string>& text) {
    return text ? nb::object(nb::str(text->c_str(), text->size())) : nb::none();
  };
  nb::list datasets;
  for (const auto& head : found.heads.datasets) {
    if (head.has_name_key) datasets.append(nb::make_tuple(optional(head.name), optional(head.version)));
  }
  return nb::make_tuple(found.heads.edition == Edition::kEnterprise, optional(found.heads.database), datasets);
}

}  // namespace

void bind_migrations(nb::class_<Connection>& connection) {
  connection.def("check", &check, "Raises where this client does not open the database.")
      .def("load", &load_dataset, nb::arg("listener"), nb::arg("name"),
           "The dataset's document, upgraded first where that is needed.")
      .def("heads", &heads, "(is Enterprise, stored version or None, [(name, version or None)]).")
      .def("migrate", &migrate, nb::arg("listener"), nb::arg("target").none(), nb::arg("all"), nb::arg("names"),
           nb::arg("error_level"), nb::arg("verbose"), nb::arg("allow_loss"))
      .def("has_revisions", &has_revisions, nb::arg("target").none(), nb::arg("names"));
}

}  // namespace fm::python
