// The compiled part of the package fiftyone_migrator.
#include <nanobind/nanobind.h>

#include "bson_python.h"
#include "connection.h"
#include "errors.h"
#include "revisions/catalogue.h"
#include "revisions/version_map.h"
#include "storage.h"

namespace nb = nanobind;

NB_MODULE(_core, module) {
  module.doc() = "The compiled part of fiftyone_migrator; its interface is the package around it.";
  fm::python::translate_errors();
  fm::python::bind_connection(module);
  fm::python::bind_storage(module);

  const auto& catalogue = fm::built_in_catalogue();
  module.attr("DATA_MODEL") = catalogue.client.c_str();
  module.attr("COMPATIBLE_VERSIONS") = catalogue.compatible.str().c_str();
  module.attr("ENTERPRISE") = fm::VersionMap::built_in().newest().enterprise.c_str();
  module.def(
      "encode",
      [](nb::handle mapping) {
        const auto bytes = fm::python::to_bson(mapping);
        return nb::bytes(bytes.data(), bytes.size());
      },
      nb::arg("mapping"), "A mapping as a BSON document.");
  module.def(
      "decode",
      [](const nb::bytes& data) {
        return fm::python::to_python(fm::bson::View(reinterpret_cast<const std::uint8_t*>(data.c_str()), data.size()));
      },
      nb::arg("data"), "A BSON document as a dict.");
}
