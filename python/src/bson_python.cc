#include "bson_python.h"

#include <datetime.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <unordered_map>

namespace fm::python {

namespace {

using bson::Codec;

constexpr std::int64_t kDay = 86'400'000;

// The classes of the types that Python does not have. They live as long as the
// interpreter.
struct Types {
  nb::object object_id, int64, binary, raw, date_ms;
  bool pymongo = false;
};

const Types& types() {
  static const Types* const kTypes = [] {
    PyDateTime_IMPORT;
    const auto module = nb::module_::import_("fiftyone_migrator.bson_types");
    return new Types{module.attr("ObjectId"), module.attr("Int64"), module.attr("Binary"), module.attr("RawValue"),
                     module.attr("DateMs")};
  }();
  return *kTypes;
}

template <class T>
T load(const std::uint8_t* data) {
  T out;
  std::memcpy(&out, data, sizeof out);
  return out;
}

nb::object steal(PyObject* object) {
  if (!object) throw nb::python_error();
  return nb::steal(object);
}

nb::object text(const char* data, std::size_t size) {
  return steal(PyUnicode_DecodeUTF8(data, static_cast<Py_ssize_t>(size), "surrogateescape"));
}

// Keys repeat from document to document.
nb::object key_object(std::string_view key) {
  static auto* const kKnown = new std::unordered_map<std::string, nb::object>();
  static std::string lookup;
  lookup.assign(key);
  if (const auto found = kKnown->find(lookup); found != kKnown->end()) return found->second;
  auto made = text(key.data(), key.size());
  if (kKnown->size() < 4096 && key.size() < 64) kKnown->emplace(lookup, made);
  return made;
}

// Days since 1970-01-01 to a civil date, and back (proleptic Gregorian).
struct Civil {
  std::int64_t year;
  int month;
  int day;
};

Civil civil_of(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const auto of_era = static_cast<std::int64_t>(days - era * 146'097);
  const auto year_of_era = (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
  const auto day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const auto shifted = (5 * day_of_year + 2) / 153;
  const int month = static_cast<int>(shifted < 10 ? shifted + 3 : shifted - 9);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month,
          static_cast<int>(day_of_year - (153 * shifted + 2) / 5 + 1)};
}

std::int64_t days_of(std::int64_t year, int month, int day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto year_of_era = year - era * 400;
  const auto day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719'468;
}

nb::object date_object(std::int64_t ms) {
  auto days = ms / kDay;
  auto rest = ms % kDay;
  if (rest < 0) {
    rest += kDay;
    --days;
  }
  const auto civil = civil_of(days);
  if (civil.year < 1 || civil.year > 9999) return types().date_ms(ms);
  return steal(PyDateTime_FromDateAndTime(static_cast<int>(civil.year), civil.month, civil.day,
                                          static_cast<int>(rest / 3'600'000), static_cast<int>(rest / 60'000 % 60),
                                          static_cast<int>(rest / 1000 % 60), static_cast<int>(rest % 1000 * 1000)));
}

std::int64_t date_ms(PyObject* object) {
  std::int64_t ms =
      days_of(PyDateTime_GET_YEAR(object), PyDateTime_GET_MONTH(object), PyDateTime_GET_DAY(object)) * kDay;
  if (!PyDateTime_Check(object)) return ms;
  ms += PyDateTime_DATE_GET_HOUR(object) * 3'600'000LL + PyDateTime_DATE_GET_MINUTE(object) * 60'000LL +
        PyDateTime_DATE_GET_SECOND(object) * 1000LL + PyDateTime_DATE_GET_MICROSECOND(object) / 1000;
  const auto offset = nb::handle(object).attr("utcoffset")();
  if (!offset.is_none()) {
    ms -= static_cast<std::int64_t>(std::llround(nb::cast<double>(offset.attr("total_seconds")()) * 1000));
  }
  return ms;
}

// Walks the elements of one encoded document, checking that none leaves it.
class Elements {
 public:
  Elements(const std::uint8_t* data, std::size_t size) {
    if (size < 5 || load<std::int32_t>(data) != static_cast<std::int64_t>(size) || data[size - 1] != 0) damaged();
    at_ = data + 4;
    end_ = data + size - 1;
  }

  bool next() {
    if (at_ == end_) return false;
    slot_.type = static_cast<bson_type_t>(*at_++);
    const auto* stop = static_cast<const std::uint8_t*>(std::memchr(at_, 0, static_cast<std::size_t>(end_ - at_)));
    if (!stop) damaged();
    key_ = {reinterpret_cast<const char*>(at_), static_cast<std::size_t>(stop - at_)};
    slot_.data = stop + 1;
    slot_.end = slot_.data + value_size();
    if (slot_.end > end_) damaged();
    at_ = slot_.end;
    return true;
  }

  std::string_view key() const { return key_; }
  const Codec::Slot& slot() const { return slot_; }

 private:
  [[noreturn]] static void damaged() { throw std::invalid_argument("these bytes are no BSON document"); }

  std::size_t need(std::size_t size) const {
    if (size > static_cast<std::size_t>(end_ - slot_.data)) damaged();
    return size;
  }
  std::size_t length(std::size_t extra) const {
    need(4);
    const auto n = load<std::int32_t>(slot_.data);
    if (n < 0) damaged();
    return need(static_cast<std::size_t>(n) + extra);
  }
  std::size_t c_string(std::size_t from) const {
    const auto* start = slot_.data + from;
    if (start > end_) damaged();
    const auto* stop = static_cast<const std::uint8_t*>(std::memchr(start, 0, static_cast<std::size_t>(end_ - start)));
    if (!stop) damaged();
    return static_cast<std::size_t>(stop - slot_.data) + 1;
  }
  std::size_t value_size() const {
    switch (slot_.type) {
      case BSON_TYPE_DOUBLE:
      case BSON_TYPE_DATE_TIME:
      case BSON_TYPE_TIMESTAMP:
      case BSON_TYPE_INT64:
        return need(8);
      case BSON_TYPE_UTF8:
      case BSON_TYPE_CODE:
      case BSON_TYPE_SYMBOL: {
        const auto size = length(4);
        if (size < 5) damaged();
        return size;
      }
      case BSON_TYPE_DOCUMENT:
      case BSON_TYPE_ARRAY:
      case BSON_TYPE_CODEWSCOPE:
        return length(0);
      case BSON_TYPE_BINARY:
        return length(5);
      case BSON_TYPE_OID:
        return need(12);
      case BSON_TYPE_BOOL:
        return need(1);
      case BSON_TYPE_INT32:
        return need(4);
      case BSON_TYPE_DECIMAL128:
        return need(16);
      case BSON_TYPE_REGEX:
        return c_string(c_string(0));
      case BSON_TYPE_DBPOINTER:
        return length(16);
      case BSON_TYPE_UNDEFINED:
      case BSON_TYPE_NULL:
      case BSON_TYPE_MINKEY:
      case BSON_TYPE_MAXKEY:
        return 0;
      default:
        damaged();
    }
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  std::string_view key_;
  Codec::Slot slot_;
};

nb::object slot_object(const Codec::Slot& slot);

nb::object document_object(const std::uint8_t* data, std::size_t size) {
  nb::dict out;
  for (Elements elements(data, size); elements.next();) out[key_object(elements.key())] = slot_object(elements.slot());
  return out;
}

nb::object slot_object(const Codec::Slot& slot) {
  const auto* data = slot.data;
  const auto size = static_cast<std::size_t>(slot.end - slot.data);
  const auto bytes = [](const std::uint8_t* from, std::size_t n) {
    return steal(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(from), static_cast<Py_ssize_t>(n)));
  };
  switch (slot.type) {
    case BSON_TYPE_NULL:
      return nb::none();
    case BSON_TYPE_BOOL:
      return nb::bool_(*data != 0);
    case BSON_TYPE_INT32:
      return steal(PyLong_FromLong(load<std::int32_t>(data)));
    case BSON_TYPE_INT64:
      return types().int64(nb::steal(PyLong_FromLongLong(load<std::int64_t>(data))));
    case BSON_TYPE_DOUBLE:
      return steal(PyFloat_FromDouble(load<double>(data)));
    case BSON_TYPE_UTF8:
      return text(reinterpret_cast<const char*>(data) + 4, size - 5);
    case BSON_TYPE_OID:
      return types().object_id(bytes(data, 12));
    case BSON_TYPE_DATE_TIME:
      return date_object(load<std::int64_t>(data));
    case BSON_TYPE_DOCUMENT:
      return document_object(data, size);
    case BSON_TYPE_ARRAY: {
      nb::list out;
      for (Elements elements(data, size); elements.next();) out.append(slot_object(elements.slot()));
      return out;
    }
    case BSON_TYPE_BINARY: {
      const auto subtype = data[4];
      if (subtype == 0) return bytes(data + 5, size - 5);
      return types().binary(bytes(data + 5, size - 5), nb::int_(subtype));
    }
    default:
      return types().raw(nb::int_(static_cast<int>(slot.type)), bytes(data, size));
  }
}

nb::object follow(const Codec::Slot& slot, const std::string* key, const std::string* end, bool id_as_text) {
  if (slot.type == BSON_TYPE_EOD) return nb::none();
  if (key == end) {
    if (!id_as_text || slot.type != BSON_TYPE_OID) return slot_object(slot);
    const auto hex = load<bson::Oid>(slot.data).hex();
    return text(hex.data(), hex.size());
  }
  const auto size = static_cast<std::size_t>(slot.end - slot.data);
  if (slot.type == BSON_TYPE_ARRAY) {
    nb::list out;
    for (Elements elements(slot.data, size); elements.next();)
      out.append(follow(elements.slot(), key, end, id_as_text));
    return out;
  }
  if (slot.type != BSON_TYPE_DOCUMENT) return nb::none();
  return follow(Codec::find(slot.data, size, *key), key + 1, end, id_as_text);
}

// Writes Python objects in the wire format.
class Writer {
 public:
  std::string take() { return std::move(out_); }

  void document(PyObject* mapping, int depth) {
    if (depth > bson::kMaxDepth) throw nb::value_error(where("is nested too deeply").c_str());
    const auto start = open();
    if (PyDict_Check(mapping)) {
      PyObject* key;
      PyObject* value;
      for (Py_ssize_t at = 0; PyDict_Next(mapping, &at, &key, &value);) element(key, value, depth);
    } else {
      for (nb::handle pair : nb::handle(mapping).attr("items")()) element(pair[0].ptr(), pair[1].ptr(), depth);
    }
    close(start);
  }

  // For messages the value has no name.
  void named(const char* key, PyObject* value) {
    top_ = "the value";
    const auto start = open();
    scalar(key, value, 0);
    close(start);
  }

 private:
  std::size_t open() {
    out_.append(4, '\0');
    return out_.size() - 4;
  }
  void close(std::size_t start) {
    out_.push_back('\0');
    if (out_.size() - start > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
      throw nb::value_error(where("is too large").c_str());
    }
    const auto size = static_cast<std::int32_t>(out_.size() - start);
    std::memcpy(out_.data() + start, &size, 4);
  }
  template <class T>
  void put(T value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  std::string where(const std::string& what) const {
    std::string path;
    for (const auto& part : path_) path += (path.empty() ? "" : ".") + part;
    return (path.empty() ? top_ : "'" + path + "'") + " " + what;
  }

  std::string_view utf8(PyObject* object) {
    Py_ssize_t size = 0;
    if (const char* data = PyUnicode_AsUTF8AndSize(object, &size)) return {data, static_cast<std::size_t>(size)};
    PyErr_Clear();
    buffer_ = steal(PyUnicode_AsEncodedString(object, "utf-8", "surrogateescape"));
    return {PyBytes_AS_STRING(buffer_.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(buffer_.ptr()))};
  }

  void element(PyObject* key, PyObject* value, int depth) {
    if (!PyUnicode_Check(key)) throw nb::type_error(where("has a key that is not a str").c_str());
    const std::string name(utf8(key));
    if (name.find('\0') != std::string::npos) throw nb::value_error(where("has a key with a NUL").c_str());
    item(name, value, depth);
  }

  void head(bson_type_t type, const std::string& key) {
    out_.push_back(static_cast<char>(type));
    out_.append(key.c_str(), key.size() + 1);
  }

  void item(const std::string& key, PyObject* value, int depth) {
    path_.push_back(key);
    scalar(key, value, depth);
    path_.pop_back();
  }

  void integer(const std::string& key, PyObject* value) {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow != 0) {
      PyErr_SetString(PyExc_OverflowError, where("does not fit into 64 bits").c_str());
      throw nb::python_error();
    }
    if (number == -1 && PyErr_Occurred()) throw nb::python_error();
    const bool wide = nb::isinstance(value, types().int64) || number < std::numeric_limits<std::int32_t>::min() ||
                      number > std::numeric_limits<std::int32_t>::max();
    if (nb::isinstance(value, types().date_ms)) {
      head(BSON_TYPE_DATE_TIME, key);
      return put<std::int64_t>(number);
    }
    head(wide ? BSON_TYPE_INT64 : BSON_TYPE_INT32, key);
    if (wide) return put<std::int64_t>(number);
    put(static_cast<std::int32_t>(number));
  }

  void binary(const std::string& key, std::string_view data, std::uint8_t subtype) {
    head(BSON_TYPE_BINARY, key);
    put(static_cast<std::int32_t>(data.size()));
    out_.push_back(static_cast<char>(subtype));
    out_.append(data);
  }

  void array(const std::string& key, PyObject* value, int depth) {
    head(BSON_TYPE_ARRAY, key);
    const auto start = open();
    const auto items = steal(PySequence_Fast(value, "not a sequence"));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.ptr()); ++i) {
      item(std::to_string(i), PySequence_Fast_GET_ITEM(items.ptr(), i), depth + 1);
    }
    close(start);
  }

  void scalar(const std::string& key, PyObject* value, int depth) {
    if (depth > bson::kMaxDepth) throw nb::value_error(where("is nested too deeply").c_str());
    if (value == Py_None) return head(BSON_TYPE_NULL, key);
    if (PyUnicode_Check(value)) {
      const auto content = utf8(value);
      head(BSON_TYPE_UTF8, key);
      put(static_cast<std::int32_t>(content.size() + 1));
      out_.append(content);
      return out_.push_back('\0');
    }
    if (PyBool_Check(value)) {
      head(BSON_TYPE_BOOL, key);
      return out_.push_back(value == Py_True ? 1 : 0);
    }
    if (PyLong_Check(value)) return integer(key, value);
    if (PyFloat_Check(value)) {
      head(BSON_TYPE_DOUBLE, key);
      return put(PyFloat_AS_DOUBLE(value));
    }
    if (nb::isinstance(value, types().object_id)) {
      const auto bytes = nb::object(nb::handle(value).attr("binary"));
      head(BSON_TYPE_OID, key);
      out_.append(PyBytes_AS_STRING(bytes.ptr()), 12);
      return;
    }
    if (PyDate_Check(value)) {  // a datetime is one, too
      const auto ms = date_ms(value);
      head(BSON_TYPE_DATE_TIME, key);
      return put(ms);
    }
    if (PyDict_Check(value)) {
      head(BSON_TYPE_DOCUMENT, key);
      return document(value, depth + 1);
    }
    if (PyList_Check(value) || PyTuple_Check(value)) return array(key, value, depth);
    if (nb::isinstance(value, types().binary)) {
      const auto subtype = nb::cast<int>(nb::handle(value).attr("subtype"));
      return binary(key, {PyBytes_AS_STRING(value), static_cast<std::size_t>(PyBytes_GET_SIZE(value))},
                    static_cast<std::uint8_t>(subtype));
    }
    if (PyBytes_Check(value)) {
      return binary(key, {PyBytes_AS_STRING(value), static_cast<std::size_t>(PyBytes_GET_SIZE(value))}, 0);
    }
    if (nb::isinstance(value, types().raw)) {
      const auto bytes = nb::object(nb::handle(value).attr("data"));
      head(static_cast<bson_type_t>(nb::cast<int>(nb::handle(value).attr("type"))), key);
      out_.append(PyBytes_AS_STRING(bytes.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.ptr())));
      return;
    }
    other(key, value, depth);
  }

  // Numbers, arrays and mappings of other libraries.
  void other(const std::string& key, PyObject* value, int depth) {
    const nb::handle object(value);
    if (nb::hasattr(object, "tolist")) return scalar(key, nb::object(object.attr("tolist")()).ptr(), depth + 1);
    if (PyIndex_Check(value)) return integer(key, steal(PyNumber_Index(value)).ptr());
    if (nb::hasattr(object, "__float__")) {
      const double number = PyFloat_AsDouble(value);
      if (number == -1 && PyErr_Occurred()) throw nb::python_error();
      head(BSON_TYPE_DOUBLE, key);
      return put(number);
    }
    if (nb::hasattr(object, "items") && nb::hasattr(object, "keys")) {
      head(BSON_TYPE_DOCUMENT, key);
      return document(value, depth + 1);
    }
    const std::string type = Py_TYPE(value)->tp_name;
    throw nb::type_error(where("is of a type that cannot be stored: " + type).c_str());
  }

  std::string out_;
  std::string top_ = "the document";
  std::vector<std::string> path_;
  nb::object buffer_;
};

}  // namespace

nb::object to_python(bson::View document) { return document_object(document.data(), document.size()); }

nb::object to_python(const bson::Document& document) { return to_python(bson::View(bson::encode(document))); }

nb::object to_python(const bson::Value& value) {
  const auto bytes = bson::encode(bson::Document{{"v", value}});
  return slot_object(Codec::find(bytes.data(), bytes.size(), "v"));
}

nb::object value_at(bson::View document, const std::vector<std::string>& keys, bool id_as_text) {
  const Codec::Slot whole{BSON_TYPE_DOCUMENT, document.data(), document.data() + document.size()};
  return follow(whole, keys.data(), keys.data() + keys.size(), id_as_text);
}

bson::Bytes to_bson(nb::handle mapping) {
  types();
  Writer writer;
  writer.document(mapping.ptr(), 0);
  return bson::Bytes(writer.take());
}

bson::Document to_document(nb::handle mapping) { return to_bson(mapping).decode(); }

namespace {

// The most frequent ones.
std::optional<bson::Value> text_or_id(nb::handle value) {
  if (PyUnicode_CheckExact(value.ptr())) {
    Py_ssize_t size = 0;
    if (const char* data = PyUnicode_AsUTF8AndSize(value.ptr(), &size)) {
      return std::string(data, static_cast<std::size_t>(size));
    }
    PyErr_Clear();
  } else if (value.type().is(types().object_id)) {
    const auto bytes = nb::object(value.attr("binary"));
    return load<bson::Oid>(reinterpret_cast<const std::uint8_t*>(PyBytes_AS_STRING(bytes.ptr())));
  }
  return std::nullopt;
}

std::optional<bson::Value> texts_or_ids(nb::handle value) {
  if (!PyList_CheckExact(value.ptr())) return text_or_id(value);
  bson::Array out;
  for (nb::handle item : nb::borrow<nb::list>(value)) {
    auto one = text_or_id(item);
    if (!one) return std::nullopt;
    out.append(std::move(*one));
  }
  return out;
}

}  // namespace

bson::Value to_value(nb::handle value) {
  types();
  if (auto usual = texts_or_ids(value)) return std::move(*usual);
  Writer writer;
  writer.named("v", value.ptr());
  const bson::Bytes bytes(writer.take());
  return *bson::View(bytes).get("v");
}

}  // namespace fm::python
