// Files in object stores, for fiftyone_migrator/storage.py.
#pragma once

#include <nanobind/nanobind.h>

namespace fm::python {

void bind_storage(nanobind::module_& module);

}  // namespace fm::python
