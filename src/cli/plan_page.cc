#include "cli/plan_page.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "base/hash.h"
#include "base/text.h"
#include "cli/counted.h"
#include "cli/page_html.h"
#include "cli/plan_page_services.h"
#include "cli/plan_text.h"
#include "embedded/plan_page_files.h"

namespace fm::cli {

namespace {

using namespace page;

using Fields = std::map<std::string_view, std::string>;

std::string file(std::string_view wanted) {
  for (const auto& one : embedded::plan_page_files()) {
    if (one.name == wanted) return std::string(one.content);
  }
  return "";
}

// What stands in for {{key}} is not looked at again.
std::string fill(std::string_view text, const Fields& fields) {
  std::string out;
  while (true) {
    const auto open = text.find("{{");
    const auto close = open == std::string_view::npos ? open : text.find("}}", open);
    if (close == std::string_view::npos) return out.append(text);
    out.append(text.substr(0, open));
    const auto found = fields.find(text.substr(open + 2, close - open - 2));
    if (found != fields.end()) out += found->second;
    text.remove_prefix(close + 2);
  }
}

std::string section(const char* id, const std::string& heading, const std::string& content) {
  if (content.empty()) return "";
  return std::string("<section aria-labelledby=\"") + id + "\">\n<h2 id=\"" + id + "\">" + heading + "</h2>\n" +
         content + "</section>\n";
}

std::string card(const std::string& value, const std::string& what, const char* look = "") {
  return std::string("<li class=\"") + look + "\"><b>" + value + "</b><span>" + what + "</span></li>\n";
}

std::string tag(const char* look, const std::string& text) {
  return std::string("<span class=\"tag ") + look + "\">" + text + "</span>";
}

const char* look_of(DownLabel label) {
  return label == DownLabel::kExact ? "good" : label == DownLabel::kLossy ? "warn" : "bad";
}

class Page {
 public:
  Page(const Plan& plan, const Heads& heads, const Survey& survey, const std::optional<Estimate>& estimate,
       const PlanPageFacts& facts)
      : plan_(plan),
        heads_(heads),
        survey_(survey),
        estimate_(estimate),
        facts_(facts),
        refused_(all_refused(plan, survey)),
        revisions_(planned_revisions(plan)),
        services_(facts.services, facts.undo_log) {}

  std::string make() const;

 private:
  std::string facts() const;
  std::string verdict() const;
  std::string cards() const;
  std::string refusals() const;
  std::string tallies(const std::vector<Tally>& all) const;
  std::string estimate() const;
  std::string timeline() const;
  std::string drops() const;
  std::string datasets() const;
  const char* lost_heading() const { return survey_.undo_log ? "Into the undo log" : "Lost"; }
  std::string row(const DatasetMove& move, const DatasetSurvey& survey) const;

  const Plan& plan_;
  const Heads& heads_;
  const Survey& survey_;
  const std::optional<Estimate>& estimate_;
  const PlanPageFacts& facts_;
  std::vector<DatasetFailure> refused_;
  std::vector<PlannedRevision> revisions_;
  ServicesOnPage services_;
};

std::string Page::facts() const {
  std::string out;
  const auto fact = [&](const char* what, const std::string& text) {
    out += std::string("<dt>") + what + "</dt><dd>" + text + "</dd>\n";
  };
  fact("Database", name(facts_.database) + " on " + escaped(facts_.server));
  fact("Edition", heads_.edition == Edition::kEnterprise ? "Enterprise" : "open source");
  fact("Version now", heads_.database ? escaped(version_text(*heads_.database)) : "none stored");
  fact("Version afterwards", escaped(version_text(plan_.database_version)));
  if (facts_.enterprise_target) fact("Enterprise version", escaped(*facts_.enterprise_target));
  fact("Planned", utc_text(facts_.made_ms) + " with " + escaped(facts_.tool));
  return out;
}

std::string Page::verdict() const {
  const auto box = [](const char* look, const std::string& text, const std::string& more) {
    return std::string("<div class=\"verdict ") + look + "\">" + text + "<p>" + more + "</p></div>\n";
  };
  if (services_.refused()) {
    return box("bad", "Values stand twice where a service is to have a unique index: nothing would be written.",
               "See below which. With --error-level 1 these indexes are left out.");
  }
  if (plan_.nothing_to_do() && refused_.empty() && services_.moved() == 0) {
    if (!facts_.datasets) return box("", "There is nothing to do.", "The services stand where they are to be.");
    return box("", "There is nothing to do.", "Everything is at v" + escaped(plan_.target) + " already.");
  }
  if (!refused_.empty()) {
    return box("bad",
               counted(refused_.size(), "dataset") + " cannot be migrated: as it stands, nothing would be written.",
               "See below why. With --error-level 1 the others are migrated.");
  }
  const bool loses = !survey_.losses.empty() || services_.losses() > 0;
  auto what = survey_.losses.empty() ? std::string() : escaped(in_words(survey_.losses));
  if (services_.losses() > 0) {
    what += (what.empty() ? "" : "; ") + (counted(services_.losses(), "value") + " of services");
  }
  if (loses && facts_.undo_log) {
    return box("", "What the older version has no place for goes into the undo log: " + what + ".",
               "It comes back on the way up.");
  }
  if (loses) {
    return box("warn", "Values are lost on the way down: " + what + ".",
               "The migration asks for --allow-loss before it writes anything.");
  }
  return box("", "Nothing refuses this migration, and nothing is lost.", "");
}

std::string Page::cards() const {
  std::string out = card(count(plan_.datasets.size() - survey_.refused.size()), "datasets to migrate");
  if (plan_.unchanged > 0) out += card(count(plan_.unchanged), "already there, the database counted");
  if (services_.any()) {
    out += card(count(services_.moved()), "services to migrate");
    out += card(count(services_.documents()), "documents of services to write");
  }
  out += card(count(survey_.documents()), services_.any() ? "documents of datasets to write" : "documents to write");
  out += card(bytes(survey_.bytes()), "of data to write");
  out += card(count(revisions_.size()), "revisions");
  if (estimate_) out += card(time_text(estimate_->seconds()), "expected time");
  std::int64_t lost = 0;
  for (const auto& loss : survey_.losses) lost += loss.values;
  lost += services_.losses();
  if (lost > 0) out += card(count(lost), survey_.undo_log ? "values into the undo log" : "values lost", "warn");
  if (!refused_.empty()) out += card(count(refused_.size()), "datasets refused", "bad");
  return out;
}

std::string Page::refusals() const {
  std::string out;
  for (const auto& failure : refused_) {
    out += "<li>" + escaped(failure.error.what());
    if (!failure.error.remedy().empty()) out += "<p>" + escaped(failure.error.remedy()) + "</p>";
    out += "</li>\n";
  }
  return out.empty() ? "" : "<ul class=\"refusals\">\n" + out + "</ul>\n";
}

std::string Page::tallies(const std::vector<Tally>& all) const {
  if (all.empty()) return "";
  Rows rows({{"What", "name"}, {"Values", "number"}, {"Revision", "short"}, {"Datasets", "number"}}, true);
  for (const auto& one : all) {
    rows.add({escaped(one.what), count(one.values), "v" + escaped(one.revision), count(one.datasets)});
  }
  return rows.table();
}

std::string Page::estimate() const {
  if (!estimate_) return "";
  const auto& it = *estimate_;
  std::string out = "<p>About <b>" + time_text(it.seconds()) + "</b>; " + time_text(it.least_seconds()) + " to " +
                    time_text(it.most_seconds()) + " are to be expected. Disk: up to " + bytes(it.disk_bytes) +
                    " more. ";
  out += it.oplog_bytes ? "Oplog: about " + bytes(*it.oplog_bytes) + ".</p>\n" : "No replica set, so no oplog.</p>\n";
  Rows rows({{"Part", "name"}, {"Documents", "number"}, {"Time", "number"}, {"Basis", "text"}});
  for (const auto& part : it.parts) {
    rows.add({escaped(part.what), count(part.documents), time_text(part.seconds), escaped(part.basis)});
  }
  out += rows.table();
  for (const auto& sentence : it.basis) out += "<p>" + escaped(sentence) + "</p>\n";
  return out;
}

std::string Page::timeline() const {
  std::string out =
      "<li class=\"frame\">Every dataset is checked, and whatever refuses does so before the first write</li>\n";
  out += services_.steps(Direction::kUp);
  for (const auto& [revision, direction, datasets] : revisions_) {
    out += "<li><b>" + escaped(revision->text) + "</b> ";
    out += (direction == Direction::kUp ? "" : "Undoes: ") + escaped(revision->title);
    out += " <small>" + (datasets == 0 ? std::string("the database") : counted(datasets, "dataset")) + "</small>";
    if (direction == Direction::kDown) out += " " + tag(look_of(revision->down_label), word(revision->down_label));
    out += "</li>\n";
  }
  const bool writes = !plan_.database.empty() || plan_.save_database_version;
  if (writes) out += "<li>The database is marked as v" + escaped(plan_.database_version) + "</li>\n";
  out += services_.steps(Direction::kDown);
  return out + "<li class=\"frame\">Versions are read again; what is not where it should be is named</li>\n";
}

std::string Page::drops() const {
  std::string out;
  for (const auto& collection : survey_.drops) out += "<li><code>" + name(collection) + "</code></li>\n";
  return out.empty() ? "" : "<p>No dataset names them.</p>\n<ul>\n" + out + "</ul>\n";
}

std::string Page::row(const DatasetMove& move, const DatasetSurvey& survey) const {
  const auto& head = heads_.datasets[move.head];
  const auto& route = plan_.routes[move.route];
  std::string kinds = word(route.direction);
  if (survey.refusal) kinds += " refused";
  if (!survey.losses.empty()) kinds += " lossy";
  std::string out = "<tr class=\"" + std::string(survey.refusal ? "refused" : "") + "\" data-kinds=\"" + kinds + "\">";
  const auto cell = [&](const char* label, const std::string& text, const char* look = "") {
    out += std::string("<td class=\"") + look + (text.empty() ? " none" : "") + "\" data-label=\"" + label + "\">" +
           text + "</td>";
  };
  const auto number = [&](const char* label, std::int64_t value, const std::string& text) {
    out += std::string("<td class=\"number\" data-label=\"") + label + "\" data-value=\"" + std::to_string(value) +
           "\">" + text + "</td>";
  };
  cell("Dataset", head.name ? name(*head.name) : "<i>no name</i>", "name");
  cell("From", escaped(version_text(route.from)), "short");
  cell("To", escaped(version_text(route.to)), "short");
  cell("Revisions", escaped(revision_list(route)));
  number("Documents", survey.documents(), count(survey.documents()));
  number("Size", survey.bytes(), bytes(survey.bytes()));
  std::string notes;
  if (survey.refusal) notes += tag("bad", "refused") + " ";
  if (survey.gone) notes += "deleted meanwhile ";
  notes += escaped(in_words(survey.losses));
  if (!survey.returns.empty()) notes += " " + tag("good", "comes back") + " " + escaped(in_words(survey.returns));
  cell(lost_heading(), notes, "text");
  return out + "</tr>\n";
}

std::string Page::datasets() const {
  if (plan_.datasets.empty()) return "";
  std::string out =
      "<div class=\"tools\"><input id=\"search\" type=\"search\" placeholder=\"Filter by name, version, loss …\" "
      "aria-label=\"Filter the datasets\">"
      "<select id=\"kind\" aria-label=\"Which datasets\"><option value=\"\">all</option><option "
      "value=\"refused\">refused</option><option value=\"lossy\">displacing something</option><option "
      "value=\"up\">going up</option><option value=\"down\">going down</option></select>"
      "<output id=\"shown\" aria-live=\"polite\"></output></div>\n"
      "<table class=\"stacked\" id=\"datasets-table\">\n<thead><tr>";
  for (const char* heading : {"Dataset", "From", "To", "Revisions"}) {
    out += std::string("<th scope=\"col\">") + heading + "</th>";
  }
  for (const char* heading : {"Documents", "Size"}) {
    out += std::string("<th scope=\"col\" class=\"number\">") + heading + "</th>";
  }
  out += "<th scope=\"col\">" + std::string(lost_heading()) + "</th></tr></thead>\n<tbody>\n";
  static const DatasetSurvey kNothing;
  for (std::size_t i = 0; i < plan_.datasets.size(); ++i) {
    out += row(plan_.datasets[i], i < survey_.datasets.size() ? survey_.datasets[i] : kNothing);
  }
  return out + "</tbody></table>\n";
}

std::string Page::make() const {
  const auto style = file("page/plan.css");
  const auto script = file("page/plan.js");
  const auto from = heads_.database ? "v" + *heads_.database + " → " : "";
  // The services have their versions below.
  const auto way = facts_.datasets ? from + "v" + plan_.target : std::string("services");
  const auto heading = facts_.database + ": " + way;
  return fill(
      file("page/plan.html"),
      {{"title", escaped("Migration plan " + heading)},
       {"heading", name(facts_.database) + ": " + escaped(way)},
       {"style", style},
       {"script", script},
       {"style_hash", sha256_base64(style)},
       {"script_hash", sha256_base64(script)},
       {"facts", facts()},
       {"verdict", verdict()},
       {"cards", cards()},
       {"refused", section("refused", "Refused", refusals())},
       {"services", section("services", "Services", services_.content())},
       {"losses", section("losses", survey_.undo_log ? "Into the undo log, until the way up" : "Lost on the way down",
                          tallies(survey_.losses))},
       {"returns", section("returns", "Comes back from the undo log", tallies(survey_.returns))},
       {"estimate", section("estimate", "Estimate", estimate())},
       {"timeline", timeline()},
       {"drops", section("drops", survey_.undo_log ? "Collections that are set aside" : "Collections that are dropped",
                         drops())},
       {"datasets", section("datasets", "Datasets", datasets())},
       {"footer", "Made by " + escaped(facts_.tool) + " at " + utc_text(facts_.made_ms) + ". Nothing was written."}});
}

}  // namespace

std::string plan_page(const Plan& plan, const Heads& heads, const Survey& survey,
                      const std::optional<Estimate>& estimate, const PlanPageFacts& facts) {
  return Page(plan, heads, survey, estimate, facts).make();
}

}  // namespace fm::cli
