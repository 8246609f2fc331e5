#include "cli/plan_page_services.h"

#include <algorithm>

#include "bson/read.h"
#include "cli/counted.h"
#include "cli/page_html.h"
#include "cli/plan_text.h"

namespace fm::cli {

using bson::Array;
using bson::Document;
using namespace page;

namespace {

// Its texts there, or the ids of its documents.
std::string texts_of(const Document& document, const char* key, const char* between) {
  std::string out;
  for (const auto& item : bson::array_at(document, key)) {
    const auto* one = item.as<Document>();
    const auto* text = item.as<std::string>();
    out += (out.empty() ? "" : between) + (one ? bson::text_at(*one, "id") : text ? *text : std::string());
  }
  return out;
}

// What a collection of a service has to write.
std::int64_t written(const Document& one) { return bson::integer_at(one, "edited") + bson::integer_at(one, "removed"); }

}  // namespace

ServicesOnPage::ServicesOnPage(const Array& services, bool undo_log) : undo_log_(undo_log) {
  for (const auto& item : services) {
    if (const auto* one = item.as<Document>()) services_.push_back(one);
  }
}

std::size_t ServicesOnPage::moved() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(services_, [](const Document* one) { return !one->has("stays"); }));
}

std::int64_t ServicesOnPage::documents() const {
  std::int64_t out = 0;
  for (const auto* service : services_) {
    for (const auto* one : bson::documents_at(*service, "documents")) out += written(*one);
  }
  return out;
}

std::int64_t ServicesOnPage::losses() const {
  std::int64_t out = 0;
  for (const auto* service : services_) {
    for (const auto* one : bson::documents_at(*service, "losses")) out += bson::integer_at(*one, "documents");
  }
  return out;
}

bool ServicesOnPage::refused() const {
  return std::ranges::any_of(
      services_, [](const Document* service) { return !bson::documents_at(*service, "duplicates").empty(); });
}

std::string ServicesOnPage::steps(Direction direction) const {
  std::string out;
  for (const auto* service : services_) {
    if (bson::text_at(*service, "direction") != word(direction)) continue;
    const auto to = escaped(version_text(bson::text_at(*service, "to")));
    for (const auto* revision : bson::documents_at(*service, "revisions")) {
      out += "<li><b>" + escaped(bson::text_at(*service, "service") + " " + bson::text_at(*revision, "id")) + "</b> " +
             (direction == Direction::kUp ? "" : "Undoes: ") + escaped(bson::text_at(*revision, "title")) + "</li>\n";
    }
    out += "<li>" + escaped(bson::text_at(*service, "service")) + " is marked as " + to + "</li>\n";
  }
  return out;
}

std::string ServicesOnPage::content() const {
  if (services_.empty()) return "";
  Rows ways({{"Service", "name"}, {"Database", "name"}, {"From", "short"}, {"To", "short"}, {"Revisions", "text"}});
  Rows work({{"Service", "name"},
             {"Collection", "name"},
             {"Edited", "number"},
             {"Removed", "number"},
             {"Given back", "number"},
             {"Size", "number"}});
  Rows lost(
      {{"Service", "name"}, {"Revision", "short"}, {"What", "name"}, {"Documents", "number"}, {"For example", "text"}});
  bool any_work = false;
  bool any_lost = false;
  std::string stays;
  std::string notes;
  std::string twice;
  for (const auto* service : services_) {
    const auto who = escaped(bson::text_at(*service, "service"));
    if (service->has("stays")) {
      stays += "<li>" + who + ": " + escaped(bson::text_at(*service, "stays")) + "</li>\n";
      continue;
    }
    const auto from = bson::text_at(*service, "from");
    const bool present = service->find("present")->truthy();
    ways.add({who, name(bson::text_at(*service, "database")), from.empty() ? "not known" : escaped(version_text(from)),
              escaped(version_text(bson::text_at(*service, "to"))) + (present ? "" : " (without it)"),
              escaped(texts_of(*service, "revisions", ", "))});
    for (const auto* one : bson::documents_at(*service, "documents")) {
      any_work = true;
      work.add({who, name(bson::text_at(*one, "collection")), count(bson::integer_at(*one, "edited")),
                count(bson::integer_at(*one, "removed")), count(bson::integer_at(*one, "restored")),
                bytes(bson::integer_at(*one, "bytes"))});
    }
    for (const auto* one : bson::documents_at(*service, "losses")) {
      any_lost = true;
      lost.add({who, "v" + escaped(bson::text_at(*one, "revision")), name(bson::text_at(*one, "what")),
                count(bson::integer_at(*one, "documents")), name(texts_of(*one, "examples", ", "))});
    }
    for (const auto* one : bson::documents_at(*service, "duplicates")) {
      twice += "<li>" + who + ": " + counted(bson::integer_at(*one, "documents") + 1, "document") + " with equal " +
               name(bson::text_at(*one, "keys")) + " in " + name(bson::text_at(*one, "collection")) + ": " +
               name(texts_of(*one, "examples", "; ")) + "</li>\n";
    }
    if (const auto absent = texts_of(*service, "absent", ", "); !absent.empty()) {
      notes += "<li>" + who + " has no collection " + name(absent) + ": nothing to do there</li>\n";
    }
    if (const auto indexes = texts_of(*service, "indexes", ", "); !indexes.empty()) {
      notes += "<li>Indexes of " + who + ": " + name(indexes) + "</li>\n";
    }
    for (const auto& text : bson::array_at(*service, "warnings")) {
      notes += "<li>" + who + ": " + name(*text.as<std::string>()) + "</li>\n";
    }
    if (const auto more = bson::integer_at(*service, "more_warnings"); more > 0) {
      notes += "<li>" + who + ": " + count(more) + " more such</li>\n";
    }
  }
  std::string out;
  if (moved() > 0) out += ways.table();
  if (!twice.empty()) out += "<h3>Refused: values stand twice</h3>\n<ul class=\"refusals\">\n" + twice + "</ul>\n";
  if (any_work) out += "<h3>Documents to write</h3>\n" + work.table();
  if (any_lost) {
    out += std::string("<h3>") + (undo_log_ ? "Taken away, and kept for the way up" : "Lost on the way down") +
           "</h3>\n" + lost.table();
  }
  if (!notes.empty()) out += "<h3>To know</h3>\n<ul>\n" + notes + "</ul>\n";
  if (!stays.empty()) out += "<h3>Left as they are</h3>\n<ul>\n" + stays + "</ul>\n";
  return out;
}

}  // namespace fm::cli
