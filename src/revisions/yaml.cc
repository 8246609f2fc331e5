#include "revisions/yaml.h"

#include <yaml-cpp/yaml.h>

#include <charconv>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

[[noreturn]] void fail(const std::string& file, const YAML::Mark& mark, const std::string& what) {
  throw Error(Exit::kUsage,
              file + ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1) + ": " + what);
}

Value scalar(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (node.Tag() == "!") return text;  // quoted
  if (text.empty() || text == "~" || text == "null") return bson::Null{};
  if (text == "true") return true;
  if (text == "false") return false;
  const char* end = text.data() + text.size();
  std::int64_t integer = 0;
  if (auto [p, error] = std::from_chars(text.data(), end, integer); error == std::errc() && p == end) {
    if (integer == static_cast<std::int32_t>(integer)) return static_cast<std::int32_t>(integer);
    return integer;
  }
  double number = 0;
  if (auto [p, error] = std::from_chars(text.data(), end, number); error == std::errc() && p == end) return number;
  return text;
}

std::string class_name(const std::string& name) { return "fiftyone.core.fields." + name; }

class Reader {
 public:
  Reader(std::string file, Service service) : file_(std::move(file)), service_(service) {}

  Value value(const YAML::Node& node) const {
    if (node.Tag() == "!field") return field(node);
    if (node.Tag() == "!fields") return fields(node);
    switch (node.Type()) {
      case YAML::NodeType::Sequence: {
        Array out;
        for (const auto& item : node) out.append(value(item));
        return out;
      }
      case YAML::NodeType::Map:
        return document(node);
      default:
        return scalar(node);
    }
  }

  Document document(const YAML::Node& node) const {
    if (!node.IsMap()) fail(file_, node.Mark(), "a mapping is expected");
    Document out;
    for (const auto& pair : node) {
      const std::string key = pair.first.IsNull() ? "null" : pair.first.Scalar();
      if (out.has(key)) fail(file_, pair.first.Mark(), "'" + key + "' is there twice");
      out.append(key, value(pair.second));
    }
    return out;
  }

  ops::Steps steps(const YAML::Node& node) const {
    if (!node.IsSequence()) fail(file_, node.Mark(), "a list of steps is expected");
    ops::Steps out;
    for (const auto& item : node) {
      try {
        out.push_back(ops::parse_step(document(item), item.Mark().line + 1));
        out.back().column = item.Mark().column + 1;
        check_target(out.back());
      } catch (const Error& error) {
        const std::string what = error.what();
        if (what.starts_with(file_ + ":")) throw;
        fail(file_, item.Mark(), what);
      }
    }
    return out;
  }

  std::string text(const YAML::Node& map, const char* key) const {
    const auto node = map[key];
    if (!node || !node.IsScalar() || node.Scalar().empty()) {
      fail(file_, map.Mark(), std::string("'") + key + "' is missing");
    }
    return node.Scalar();
  }

 private:
  // Services have collections of their own, datasets have none of those.
  void check_target(const ops::Step& step) const {
    using Kind = ops::Target::Kind;
    const bool whole = step.target.kind == Kind::kService;
    if (service_ == Service::kDatasets) {
      if (whole) throw Error(Exit::kUsage, "datasets have no collection '" + step.target.collection + "'");
      const bool service_only = std::holds_alternative<ops::Index>(step.operation) ||
                                std::holds_alternative<ops::RemoveDocuments>(step.operation);
      if (service_only) throw Error(Exit::kUsage, ops::name(step) + " is for collections of services");
      return;
    }
    if (!whole)
      throw Error(Exit::kUsage, std::string("a step of ") + name_of(service_) + " names a collection with 'over'");
    if (!step.where.always())
      throw Error(Exit::kUsage, "'where' is for datasets; conditions on these documents are a 'filter'");
    const auto& target = step.target.collection;
    const auto dot = target.find('.');
    if (dot != std::string::npos && service_named(target.substr(0, dot)) && !Parameters::known(target)) {
      throw Error(Exit::kUsage, "'over' names the unknown collection '" + target + "'");
    }
  }

  Array fields(const YAML::Node& node) const {
    if (!node.IsSequence()) fail(file_, node.Mark(), "!fields needs a list");
    Array out;
    for (const auto& item : node) out.append(field(item));
    return out;
  }

  Document field(const YAML::Node& node) const {
    std::string name;
    std::string ftype;
    Value subfield = bson::Null{};
    Value embedded = bson::Null{};
    Value nested = Array();
    if (node.IsScalar()) {
      const std::string& spec = node.Scalar();
      const auto colon = spec.find(':');
      if (colon == std::string::npos) fail(file_, node.Mark(), "a field is \"name:ftype\" or \"name:ftype/subfield\"");
      const auto slash = spec.find('/', colon);
      name = spec.substr(0, colon);
      ftype = spec.substr(colon + 1, slash == std::string::npos ? slash : slash - colon - 1);
      if (slash != std::string::npos) subfield = class_name(spec.substr(slash + 1));
    } else {
      name = text(node, "name");
      ftype = text(node, "ftype");
      if (node["subfield"]) subfield = class_name(node["subfield"].Scalar());
      if (node["embedded_doc_type"]) embedded = node["embedded_doc_type"].Scalar();
      if (node["fields"]) nested = value(node["fields"]);
    }
    return {{"_cls", "SampleFieldDocument"},
            {"name", name},
            {"ftype", class_name(ftype)},
            {"subfield", std::move(subfield)},
            {"embedded_doc_type", std::move(embedded)},
            {"db_field", name == "id" ? "_id" : name},
            {"fields", std::move(nested)}};
  }

  std::string file_;
  Service service_;
};

DownLabel parse_label(const std::string& file, const YAML::Node& node) {
  const auto& text = node.Scalar();
  if (text == "exact") return DownLabel::kExact;
  if (text == "lossy") return DownLabel::kLossy;
  if (text == "refused") return DownLabel::kRefused;
  fail(file, node.Mark(), "'down_label' is exact, lossy or refused");
}

Revision read_revision(const std::string& file, const YAML::Node& root, std::string_view text, Service service) {
  const Reader reader(file, service);
  if (!root.IsMap()) fail(file, root.Mark(), "a revision is a mapping");
  std::set<std::string> keys;
  for (const auto& pair : root) {
    const auto key = pair.first.Scalar();
    if (key != "version" && key != "title" && key != "source" && key != "down_label" && key != "up" && key != "down") {
      fail(file, pair.first.Mark(), "unknown key '" + key + "'");
    }
    if (!keys.insert(key).second) fail(file, pair.first.Mark(), "'" + key + "' is there twice");
  }
  Revision out;
  out.text = reader.text(root, "version");
  const auto version = Version::try_parse(out.text);
  if (!version) fail(file, root["version"].Mark(), "'" + out.text + "' is not a version");
  out.version = version->base();
  out.id = std::filesystem::path(file).stem().string();
  out.title = reader.text(root, "title");
  out.source = reader.text(root, "source");
  reader.text(root, "down_label");
  out.down_label = parse_label(file, root["down_label"]);
  if (!root["up"]) fail(file, root.Mark(), "'up' is missing");
  out.up = reader.steps(root["up"]);
  if (root["down"]) {
    out.down = reader.steps(root["down"]);
  } else if (auto derived = ops::inverse(out.up)) {
    out.down = std::move(*derived);
  } else {
    fail(file, root["up"].Mark(), "the way down cannot be derived from 'up'; write 'down'");
  }
  out.file = file;
  out.checksum = sha256_hex(text);
  return out;
}

}  // namespace

Revision parse_revision(const std::string& file, std::string_view text, Service service) {
  // The parser takes it, and it would only be found out where a text is shown.
  if (clean_utf8(text) != text) throw Error(Exit::kUsage, file + ":1:1: the file is not UTF-8");
  try {
    return read_revision(file, YAML::Load(std::string(text)), text, service);
  } catch (const YAML::Exception& error) {
    fail(file, error.mark, error.msg);
  }
}

}  // namespace fm
