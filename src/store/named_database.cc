#include "store/named_database.h"

#include <mongoc/mongoc.h>

#include <memory>

namespace fm {

std::string named_database(const std::string& uri) {
  bson_error_t error;
  const std::unique_ptr<mongoc_uri_t, decltype(&mongoc_uri_destroy)> parsed(
      mongoc_uri_new_with_error(uri.c_str(), &error), mongoc_uri_destroy);
  const char* name = parsed ? mongoc_uri_get_database(parsed.get()) : nullptr;
  return name ? name : "";
}

}  // namespace fm
