// The services of a deployment, and the names of their collections.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fm {

// In the order in which they go up; down it is the reverse.
enum class Service { kCas, kHub, kEnterprise, kDatasets };

inline constexpr Service kServices[] = {Service::kCas, Service::kHub, Service::kEnterprise, Service::kDatasets};

const char* name_of(Service service);
std::optional<Service> service_named(std::string_view name);

// Collections of services have no public names, so revisions name them by
// parameters ("cas.groups"), which a deployment can set.
class Parameters {
 public:
  // With our defaults (docs/enterprise.md).
  Parameters();

  static bool known(const std::string& parameter);
  static std::vector<std::string> names();

  // Throws Error(kUsage) for an unknown parameter or an empty collection.
  void set(const std::string& parameter, const std::string& collection);
  // The collection a step means: of a parameter, or of that name itself.
  const std::string& collection(const std::string& target) const;
  // All collections of one service, by parameter.
  std::map<std::string, std::string> of(Service service) const;

 private:
  std::map<std::string, std::string> collections_;
};

}  // namespace fm
