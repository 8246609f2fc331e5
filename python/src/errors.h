// fm::Error as a Python exception.
#pragma once

namespace fm::python {

// Every Error that leaves the module becomes what fiftyone_migrator.errors.make
// gives for it.
void translate_errors();

}  // namespace fm::python
