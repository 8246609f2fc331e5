#include "client/migrate.h"

#include "client/wait.h"
#include "exec/exclusive.h"
#include "exec/rights.h"

namespace fm {

Plan plan_request(const Catalogue& catalogue, const DatabaseHeads& heads, Request wanted,
                  const LoadSettings& settings) {
  wanted.command = Request::Command::kDropIn;
  wanted.services_disabled = true;
  wanted.admin = settings.admin;
  wanted.disabled = settings.migrations_disabled;
  return make_plan(catalogue, heads.heads, wanted);
}

RunReport migrate_request(Mongo& mongo, const Catalogue& catalogue, const Request& wanted, const LoadSettings& settings,
                          RunObserver& observer) {
  if (settings.migrations_disabled) return {};
  auto heads = read_heads(mongo);
  const bool half_way = Journal(mongo).unfinished().has_value();
  if (!half_way && plan_request(catalogue, heads, wanted, settings).nothing_to_do()) return {};
  require_rights(mongo);
  auto lease = wait_for_lease(mongo, settings.patience, [&] {
    observer.phase("waiting for another run", 0);
    return true;
  });
  const auto request = wanted.all ? "" : wanted.names.empty() ? "database" : request_text(wanted.names);
  Exclusive exclusive(mongo, request, std::move(lease));
  exclusive.finish_interrupted(catalogue, settings.run, observer, heads);
  heads = read_heads(mongo);
  const auto plan = plan_request(catalogue, heads, wanted, settings);
  if (plan.nothing_to_do()) {
    exclusive.nothing_left(plan);
    return {};
  }
  auto report = exclusive.runner(plan, catalogue, settings.run, observer).run(plan, heads);
  if (settings.run.refuse_all && !report.failures.empty()) throw report.failures.front().error;
  return report;
}

}  // namespace fm
