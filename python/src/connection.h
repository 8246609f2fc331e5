// A database as Python sees it: settings, the connection, and what is asked of
// it. Bound as fiftyone_migrator._core.Connection; the package around it has the
// interface for people.
#pragma once

#include <nanobind/nanobind.h>
#include <sys/types.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "cli/session.h"
#include "client/load.h"
#include "config/settings.h"

namespace fm::python {

namespace nb = nanobind;

class Connection {
 public:
  // As --set takes them: the environment and the file stand behind.
  explicit Connection(const std::map<std::string, std::string>& assignments);

  const Settings& settings() const { return settings_; }
  // Opens it when it is needed. An attempt that failed leaves nothing open. After
  // a fork the child opens its own. Needs the interpreter's lock and frees it.
  // What holds the pointer may outlive close().
  std::shared_ptr<Mongo> mongo();
  void close();
  LoadSettings load_settings() const;

 private:
  void forget_parents();

  Settings settings_;
  std::mutex mutex_;
  std::shared_ptr<cli::Session> session_;
  pid_t owner_ = 0;
};

void bind_connection(nb::module_& module);
void bind_documents(nb::module_& module, nb::class_<Connection>& connection);
void bind_migrations(nb::class_<Connection>& connection);

}  // namespace fm::python
