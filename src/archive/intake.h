// What import and copy share: from contents and documents to a dataset in a
// database.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "archive/contents.h"
#include "archive/documents.h"
#include "archive/import.h"
#include "store/mongo.h"

namespace fm::archive {

// Where a dataset comes from.
class Origin {
 public:
  Origin() = default;
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;
  virtual ~Origin() = default;

  virtual const Contents& contents() = 0;
  virtual std::int64_t document_bytes() = 0;  // of samples and frames, about
  // Returns once all that has to hold before the first write does; else throws.
  virtual void check() {}
  virtual std::unique_ptr<DocumentSource> samples(std::size_t workers) = 0;
  virtual std::unique_ptr<DocumentSource> frames(std::size_t workers) = 0;  // nullptr: none
  virtual void read_results(const RunResults& results, const std::function<void(std::string_view)>& visit) = 0;
  // Tags in the form of `tags.json`.
  virtual bool has_tags() = 0;
  virtual void read_tags(const std::function<void(const bson::Document& record)>& visit) = 0;
  // Fields whose relative paths get `folder` in front; the dataset is as migrated.
  virtual std::vector<MediaField> media(const bson::Document& dataset, bool frames) = 0;
  virtual std::string folder() = 0;  // empty: paths stay
  // Tells this state of it from others; empty: nothing does.
  virtual std::string fingerprint() = 0;
  // Whether documents come in the same order again: a killed run can be gone on with.
  virtual bool has_order() { return true; }
  // Called once the dataset is there, or may be: the media that it names have to stay.
  virtual void keep_media() {}
  // What only shows after everything was read: a warning, or empty.
  virtual std::string changed_since() { return ""; }
};

ImportReport take_in(Mongo& mongo, Origin& origin, const ImportRequest& request, const Observer& observer);

}  // namespace fm::archive
