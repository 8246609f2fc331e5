#include "errors.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include "base/error.h"

namespace fm::python {

namespace nb = nanobind;

void translate_errors() {
  nb::register_exception_translator([](const std::exception_ptr& thrown, void*) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Error& error) {
      const auto make = nb::module_::import_("fiftyone_migrator.errors").attr("make");
      const auto text = nb::steal(
          PyUnicode_DecodeUTF8(error.what(), static_cast<Py_ssize_t>(strlen(error.what())), "backslashreplace"));
      const nb::object made = make(static_cast<int>(error.code()), text, error.remedy(), error.type());
      PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(made.ptr())), made.ptr());
    }
  });
}

}  // namespace fm::python
