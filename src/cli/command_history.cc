#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <set>

#include "base/text.h"
#include "bson/json.h"
#include "bson/read.h"
#include "cli/plan_text.h"
#include "cli/program.h"
#include "cli/session.h"
#include "cli/table.h"
#include "exec/history.h"
#include "exec/residue.h"

namespace fm::cli {

using bson::Document;
using bson::integer_at;
using bson::text_at;

namespace {

struct HistoryOptions {
  std::string run;
};

std::string time_at(const Document& doc, const char* key) {
  const auto ms = bson::date_at(doc, key);
  return ms ? utc_text(*ms) : "";
}

std::string duration_of(const Document& run) {
  const auto* seconds = run.find("seconds");
  return seconds && seconds->as<double>() ? format_duration(*seconds->as<double>()) : "";
}

std::string datasets_of(const Document& run) {
  const auto done = integer_at(run, "datasets.done");
  const auto planned = integer_at(run, "datasets.planned");
  return done == planned ? format_count(done) : format_count(done) + " of " + format_count(planned);
}

// The database's way; of a run that left it where it is, that of its datasets.
std::string version_of(const Document& run, const char* end) {
  auto out = text_at(run, end);
  if (text_at(run, "from") != text_at(run, "to")) return out;
  std::set<std::string> all;
  for (const auto* way : bson::documents_at(run, "ways")) all.insert(text_at(*way, end));
  if (all.empty()) return out;
  return all.size() == 1 ? *all.begin() : format_count(static_cast<std::int64_t>(all.size())) + " versions";
}

std::string list(const std::vector<Document>& runs) {
  if (runs.empty()) return "No run is recorded.\n";
  std::vector<std::vector<std::string>> rows;
  for (const auto& run : runs) {
    rows.push_back({text_at(run, "_id"), text_at(run, "kind"), text_at(run, "state"), version_of(run, "from"),
                    version_of(run, "to"), datasets_of(run), duration_of(run),
                    clean_utf8(text_at(run, "user") + "@" + text_at(run, "host"))});
  }
  return text_table({"run", "what", "state", "from", "to", "datasets", "took", "by"}, rows);
}

Document run_document(const Document& run) {
  auto out = run;
  out[0].key = "run";
  return out;
}

std::string text_of(const bson::Value& value) {
  if (const auto* text = value.as<std::string>()) return clean_utf8(*text);
  if (const auto n = value.integer()) return format_count(*n);
  return bson::to_relaxed_json(Document{{"value", value}});
}

// The parts of a run over services of FiftyOne Enterprise.
std::vector<std::vector<std::string>> service_rows(const Document& run) {
  std::vector<std::vector<std::string>> out;
  for (const auto* part : bson::documents_at(run, "services")) {
    const auto stays = text_at(*part, "stays");
    const auto state = text_at(*part, "state");
    std::vector<std::string> row{text_at(*part, "service"), text_at(*part, "from"), text_at(*part, "to"),
                                 !stays.empty()   ? stays
                                 : !state.empty() ? state
                                                  : "not done"};
    for (const char* count : {"edited", "removed", "restored"}) {
      row.push_back(state.empty() ? "" : format_count(integer_at(*part, count)));
    }
    out.push_back(std::move(row));
  }
  return out;
}

std::vector<Tally> losses_of(const Document& run) {
  std::vector<Tally> out;
  for (const auto* loss : bson::documents_at(run, "losses")) {
    out.push_back({text_at(*loss, "revision"), clean_utf8(text_at(*loss, "field")), clean_utf8(text_at(*loss, "what")),
                   integer_at(*loss, "values"), integer_at(*loss, "datasets")});
  }
  return out;
}

// "rel_dir" of a media run: "Rel dir".
std::string label_of(std::string key) {
  std::replace(key.begin(), key.end(), '_', ' ');
  if (!key.empty()) key[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(key[0])));
  return key;
}

// `kept`: the undo log has what the run displaced.
std::string detail(const Document& run, const std::vector<Document>& revisions, bool kept, const Style& style) {
  std::vector<std::pair<std::string, std::string>> lines;
  const auto line = [&](const std::string& name, const std::string& value) {
    if (!value.empty()) lines.emplace_back(name, clean_utf8(value));
  };
  line("Run", text_at(run, "_id"));
  line("State", text_at(run, "state"));
  line("Command", text_at(run, "command"));
  line("By", text_at(run, "user") + "@" + text_at(run, "host") + ", process " + std::to_string(integer_at(run, "pid")) +
                 ", " + text_at(run, "tool"));
  line("Started", time_at(run, "started"));
  line("Ended", time_at(run, "ended"));
  const bool again = integer_at(run, "attempts") > 1;
  line("Took", duration_of(run) + (again ? ", attempts that were killed not counted" : ""));
  if (again) line("Attempts", format_count(integer_at(run, "attempts")));
  line("From", text_at(run, "from"));
  line("To", text_at(run, "to"));
  std::string counts = datasets_of(run);
  for (const char* what : {"refused", "failed"}) {
    const auto n = integer_at(run, (std::string("datasets.") + what).c_str());
    if (n > 0) counts += ", " + format_count(n) + " " + what;
  }
  line("Datasets", counts);
  static const char* const kShown[] = {"_id",  "kind",     "state",  "command", "tool",     "user",    "host",
                                       "pid",  "started",  "ended",  "seconds", "attempts", "from",    "to",
                                       "ways", "datasets", "losses", "error",   "failures", "services"};
  for (const auto& [key, value] : run) {
    const bool shown =
        std::any_of(std::begin(kShown), std::end(kShown), [&key = key](const char* k) { return key == k; });
    if (!shown) line(label_of(key), text_of(value));
  }
  if (const auto error = text_at(run, "error.message"); !error.empty()) {
    line("Error", error);
    line("", text_at(run, "error.remedy"));
  }
  std::size_t widest = 9;
  for (const auto& [name, value] : lines) widest = std::max(widest, display_width(name));
  std::string out;
  for (const auto& [name, value] : lines) {
    const auto mark = name.empty() ? " " : ":";
    out += name + mark + std::string(widest + 1 - display_width(name), ' ') + value + "\n";
  }
  const auto table = [&](const char* title, const char* key, const std::vector<std::string>& headings,
                         const std::vector<const char*>& keys) {
    std::vector<std::vector<std::string>> rows;
    for (const auto* doc : bson::documents_at(run, key)) {
      std::vector<std::string> row;
      for (const auto* k : keys) {
        const auto* value = doc->find(k);
        row.push_back(value ? text_of(*value) : "");
      }
      rows.push_back(std::move(row));
    }
    if (!rows.empty()) out += "\n" + style.heading(title) + "\n" + text_table(headings, rows);
  };
  if (const auto rows = service_rows(run); !rows.empty()) {
    out += "\n" + style.heading("Services:") + "\n" +
           text_table({"service", "from", "to", "state", "edited", "removed", "restored"}, rows);
  }
  table("Ways:", "ways", {"from", "to", "datasets"}, {"from", "to", "datasets"});
  if (!revisions.empty()) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& revision : revisions) {
      rows.push_back({text_at(revision, "_id.revision"), text_at(revision, "_id.direction"),
                      text_at(revision, "_id.scope"), format_count(integer_at(revision, "datasets")),
                      text_at(revision, "title"), text_at(revision, "checksum").substr(0, 12)});
    }
    out += "\n" + style.heading("Revisions:") + "\n" +
           text_table({"revision", "way", "of", "datasets", "title", "checksum"}, rows);
  }
  if (const auto losses = losses_of(run); !losses.empty()) out += "\n" + loss_text(losses, kept, style);
  table("Not migrated:", "failures", {"dataset", "why"}, {"dataset", "message"});
  return out;
}

int run_history(const HistoryOptions& options, const Globals& globals) {
  const MongoDriver driver;
  Session session(globals.load());
  History history(session.mongo());
  const auto style = globals.style(STDOUT_FILENO);
  if (options.run.empty()) {
    const auto runs = history.runs();
    bson::Array all;
    for (const auto& run : runs) all.append(run_document(run));
    globals.print(list(runs), Document{{"runs", std::move(all)}});
    return 0;
  }
  const auto run = history.find(options.run);
  const auto revisions = history.revisions(text_at(run, "_id"));
  bson::Array steps;
  for (const auto& revision : revisions) {
    steps.append(Document{{"revision", text_at(revision, "_id.revision")},
                          {"direction", text_at(revision, "_id.direction")},
                          {"scope", text_at(revision, "_id.scope")},
                          {"title", text_at(revision, "title")},
                          {"checksum", text_at(revision, "checksum")},
                          {"datasets", integer_at(revision, "datasets")},
                          {"state", text_at(revision, "state")}});
  }
  auto document = run_document(run);
  document.append("revisions", std::move(steps));
  const bool kept = Residue(session.mongo()).run(text_at(run, "_id")).has_value();
  globals.print(detail(run, revisions, kept, style), document);
  return 0;
}

}  // namespace

void setup_history(Program& program) {
  auto options = std::make_shared<HistoryOptions>();
  auto* command = program.app.add_subcommand("history", "Lists past runs; writes nothing.");
  command->add_option("RUN", options->run, "one run in detail; the beginning of its id is enough")
      ->option_text("[RUN]");
  command->callback(
      [options, &program] { program.run = [options, &program] { return run_history(*options, program.globals); }; });
}

}  // namespace fm::cli
