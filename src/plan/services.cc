#include "plan/services.h"

#include <algorithm>

namespace fm {
namespace {

const ServiceHead* head_of(const std::vector<ServiceHead>& heads, Service service) {
  const auto found = std::ranges::find(heads, service, &ServiceHead::service);
  return found == heads.end() ? nullptr : &*found;
}

}  // namespace

const char* first_version(Service service) { return service == Service::kCas ? "1.6.0" : "0.0"; }

ServiceRoute service_route(const Catalogue& catalogue, Service service, const std::optional<std::string>& from,
                           const std::string& to) {
  const auto goal = Version::parse(to).base();
  const auto head = from ? std::optional(Version::parse(*from).base()) : std::nullopt;
  const bool up = !head || *head <= goal;
  ServiceRoute out{service,
                   {from.value_or(""), to, up ? Direction::kUp : Direction::kDown, {}, true},
                   goal < Version::parse(first_version(service))};
  for (const auto& revision : catalogue.of(service)) {
    const bool above_head = !head || *head < revision.version;
    const bool above_goal = goal < revision.version;
    if (up ? above_head && !above_goal : above_goal && !above_head) out.route.revisions.push_back(&revision);
  }
  if (!up) std::ranges::reverse(out.route.revisions);
  return out;
}

ServicesPlan plan_services(const Catalogue& catalogue, const std::vector<ServiceHead>& heads,
                           const ServicesRequest& request) {
  ServicesPlan out;
  const auto goal = Version::parse(request.target).base();
  for (const auto service : kServices) {
    const auto* head = head_of(heads, service);
    if (!head || std::ranges::find(request.services, service) == request.services.end()) continue;
    const bool exists_at_goal = goal >= Version::parse(first_version(service));
    if (!head->present) {
      // Data that were left behind below the first version count from there again.
      if (!head->version || !exists_at_goal) {
        out.staying.push_back({service, "not present"});
        continue;
      }
      out.up.push_back(service_route(catalogue, service, head->version, request.target));
      continue;
    }
    auto from = head->version;
    if (!from && request.deployment && goal < Version::parse(*request.deployment)) from = request.deployment;
    auto route = service_route(catalogue, service, from, request.target);
    const bool there = from && Version::parse(*from).base() == goal;
    const bool down = route.route.direction == Direction::kDown;
    if ((there && !head->guessed) || (down && !request.explicit_target)) {
      out.staying.push_back({service, there ? "at " + *from + " already" : "at " + *from + ", newer than the target"});
      continue;
    }
    // What is only guessed is written down once a run has been there.
    (down ? out.down : out.up).push_back(std::move(route));
  }
  std::ranges::reverse(out.down);
  return out;
}

}  // namespace fm
