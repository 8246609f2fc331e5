#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "cli/program.h"
#include "cli/session.h"
#include "cli/table.h"
#include "exec/doctor.h"
#include "exec/heads.h"

namespace fm::cli {

using bson::Array;
using bson::Document;
using Level = Finding::Level;

namespace {

std::string indented(const std::string& text) {
  std::string out;
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "    ";
  }
  return out;
}

std::int64_t count(const std::vector<Finding>& findings, Level level) {
  return std::count_if(findings.begin(), findings.end(), [&](const Finding& f) { return f.level == level; });
}

std::string verdict(const std::vector<Finding>& findings) {
  const auto blockers = count(findings, Level::kBlocker);
  if (blockers > 0) {
    return fmt::format("A migration should not start: {} blocker{}.", blockers, blockers == 1 ? "" : "s");
  }
  const auto warnings = count(findings, Level::kWarning);
  if (warnings > 0) return fmt::format("A migration can start; {} warning{}.", warnings, warnings == 1 ? "" : "s");
  return "A migration can start.";
}

std::string doctor_text(const std::vector<Finding>& findings, const Style& style) {
  std::vector<std::vector<std::string>> rows;
  std::string remedies;
  for (const auto& finding : findings) {
    rows.push_back({name_of(finding.level), finding.what, finding.found});
    if (!finding.remedy.empty()) remedies += "  " + finding.what + ":\n    " + indented(finding.remedy) + "\n";
  }
  std::string out = text_table({"level", "what", "finding"}, rows);
  if (!remedies.empty()) out += "\n" + style.heading("What to do:") + "\n" + remedies;
  return out + "\n" + verdict(findings) + "\n";
}

Document doctor_document(const std::vector<Finding>& findings) {
  Array list;
  for (const auto& finding : findings) {
    list.append(Document{{"id", finding.id},
                         {"level", name_of(finding.level)},
                         {"what", finding.what},
                         {"found", finding.found},
                         {"remedy", finding.remedy},
                         {"details", finding.details}});
  }
  return {{"can_start", count(findings, Level::kBlocker) == 0},
          {"blockers", count(findings, Level::kBlocker)},
          {"warnings", count(findings, Level::kWarning)},
          {"findings", std::move(list)}};
}

// A database that cannot be read is a finding already.
bool is_enterprise(Mongo& mongo) {
  try {
    return read_heads(mongo).heads.edition == Edition::kEnterprise;
  } catch (const Error& error) {
    if (error.code() == Exit::kUnreachable) throw;
    return false;
  }
}

int run_doctor(const Globals& globals) {
  auto settings = globals.load();
  settings.database_validation = false;  // an old server is a finding like others
  const MongoDriver driver;
  Session session(settings);
  auto findings = examine(session.mongo(), built_in_catalogue());
  if (is_enterprise(session.mongo())) {
    std::optional<Session> cas;
    auto more = examine_services(session.mongo(), [&]() -> Mongo* {
      if (!settings.cas_database_uri || !settings.cas_database_name) return nullptr;
      return &cas.emplace(Session::cas(settings)).mongo();
    });
    std::ranges::move(more, std::back_inserter(findings));
  }
  globals.print(doctor_text(findings, globals.style(STDOUT_FILENO)), doctor_document(findings));
  return static_cast<int>(count(findings, Level::kBlocker) > 0 ? Exit::kPrecondition : Exit::kDone);
}

}  // namespace

void setup_doctor(Program& program) {
  auto* command = program.app.add_subcommand("doctor", "Says whether a migration should start.");
  command->callback([&program] { program.run = [&program] { return run_doctor(program.globals); }; });
}

}  // namespace fm::cli
