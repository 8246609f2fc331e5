#include "exec/owner.h"

namespace fm {

namespace {

template <class Filter>
auto* first_part(Filter& filter) {
  auto* all = filter.find("$and");
  return all ? (*all->template as<bson::Array>())[0].template as<bson::Document>() : &filter;
}

}  // namespace

bson::Document* owner_filter(bson::Document& filter) { return first_part(filter); }

const bson::Document* owner_filter(const bson::Document& filter) { return first_part(filter); }

std::string owner_key(const Prepared& dataset, const ops::Pass& pass) {
  if (pass.filter.empty()) return "";
  const auto* filter = owner_filter(pass.filter);
  return filter && (*filter)[0].value == dataset.id ? (*filter)[0].key : "";
}

}  // namespace fm
