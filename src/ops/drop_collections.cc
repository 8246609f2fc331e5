#include "ops/drop_collections.h"

#include <algorithm>

#include "ops/operation.h"
#include "ops/server_form.h"

namespace fm::ops {

DropCollections DropCollections::parse(Arguments& arguments) {
  if (arguments.text("drop") != "unreferenced") arguments.fail("'drop' can only be 'unreferenced'");
  return {arguments.texts("prefixes"), arguments.flag("only_without_remainder")};
}

std::vector<std::string> DropCollections::victims(const std::set<std::string>& collections,
                                                  const std::set<std::string>& named) const {
  std::vector<std::string> out;
  for (const auto& name : collections) {
    const auto prefix =
        std::find_if(prefixes.begin(), prefixes.end(), [&](const std::string& p) { return name.starts_with(p); });
    if (prefix == prefixes.end() || named.contains(name)) continue;
    if (only_without_remainder && collections.contains(name.substr(prefix->size()))) continue;
    out.push_back(name);
  }
  return out;
}

std::optional<Lowered> DropCollections::lower(const Bindings&) const { return std::nullopt; }

std::optional<Steps> DropCollections::inverse() const { return std::nullopt; }

std::string DropCollections::describe() const {
  return "drop collections " + listed(prefixes) + "* that no dataset names";
}

}  // namespace fm::ops
