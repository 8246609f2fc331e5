#include "connection.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <unistd.h>

#include "cli/plan_text.h"
#include "cli/program_version.h"
#include "config/environment.h"

namespace fm::python {

namespace {

// The driver's own state lives as long as the process: other threads of the
// interpreter may use it until the very end.
void start_driver() {
  static const auto* const kDriver = new MongoDriver();
  (void)kDriver;
}

nb::dict shown(const Connection& connection) {
  nb::dict out;
  for (const auto& setting : settings_table()) {
    const auto value = shown_value(connection.settings(), setting);
    out[nb::str(setting.name.data(), setting.name.size())] = value ? nb::object(nb::str(value->c_str())) : nb::none();
  }
  return out;
}

}  // namespace

Connection::Connection(const std::map<std::string, std::string>& assignments)
    : settings_(fm::load_settings({assignments.begin(), assignments.end()}, Environment::process())) {}

std::shared_ptr<Mongo> Connection::mongo() {
  const nb::gil_scoped_release free;
  const std::lock_guard lock(mutex_);
  forget_parents();
  if (!session_) {
    start_driver();
    session_ = std::make_shared<cli::Session>(settings_);
    owner_ = getpid();
  }
  return {session_, &session_->mongo()};
}

// Connections of the parent are not the child's, not even to close.
void Connection::forget_parents() {
  if (session_ && owner_ != getpid()) new std::shared_ptr<cli::Session>(std::move(session_));
}

void Connection::close() {
  const nb::gil_scoped_release free;
  const std::lock_guard lock(mutex_);
  forget_parents();
  session_.reset();
}

LoadSettings Connection::load_settings() const {
  LoadSettings out;
  out.admin = settings_.database_admin;
  out.migrations_disabled = settings_.disable_migrations;
  out.services_disabled = !settings_.migration_on_connect_allowed();
  out.run.jobs = cli::jobs_of(settings_);
  out.run.undo_log = settings_.undo_log;
  out.run.origin = {"Python", cli::program_version()};
  return out;
}

void bind_connection(nb::module_& module) {
  nb::class_<Connection> connection(module, "Connection");
  connection.def(nb::init<const std::map<std::string, std::string>&>(), nb::arg("assignments"))
      .def("settings", &shown, "The settings in effect, secrets masked; None for those that are unset.")
      .def(
          "open", [](Connection& self) { (void)self.mongo(); }, "Connects, if that has not been done.")
      .def("close", &Connection::close);
  bind_documents(module, connection);
  bind_migrations(connection);
}

}  // namespace fm::python
