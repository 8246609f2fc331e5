// Encoded BSON documents as Python objects, and back.
//
//   BSON                     Python
//   document, array          dict, list
//   string                   str; bytes that are not UTF-8 as surrogates (PEP 383)
//   int32, int64             int, Int64 (an int)
//   double, bool, null       float, bool, None
//   date                     datetime without a zone, UTC; DateMs outside of years 1 to 9999
//   ObjectId                 ObjectId
//   binary, subtype 0        bytes
//   other binaries           Binary (bytes with a subtype)
//   every other type         RawValue (type number and bytes)
//
// ObjectId, Int64 and Binary are those of `bson` (PyMongo) where it is
// installed, else of fiftyone_migrator.bson_types, with the same interface.
#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <string_view>
#include <vector>

#include "bson/codec.h"
#include "bson/document.h"

namespace fm::python {

namespace nb = nanobind;

// All of these need the interpreter's lock.

// Throws std::invalid_argument for bytes that are no document.
nb::object to_python(bson::View document);
nb::object to_python(const bson::Document& document);
nb::object to_python(const bson::Value& value);

// What stands at a path of a document: `keys` are followed through documents;
// where one stands on an array, the rest is followed in each of its elements,
// which gives a list. Missing and null give None. With `id_as_text` an ObjectId
// gives its 24 digits.
nb::object value_at(bson::View document, const std::vector<std::string>& keys, bool id_as_text);

// A dict, or another mapping. Throws TypeError for what has no BSON type,
// OverflowError for integers above 64 bits, ValueError for keys that are not
// text or hold a NUL; each names the path.
bson::Bytes to_bson(nb::handle mapping);
bson::Document to_document(nb::handle mapping);
// {"v": value}, encoded: a value of any type.
bson::Value to_value(nb::handle value);

}  // namespace fm::python
