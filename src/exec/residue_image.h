// An image of one document in `migrator.residue`, and the records it is kept in
// (their form: exec/residue.h).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bson/document.h"
#include "plan/plan.h"

namespace fm {

// A document of another collection that belongs to the one that is migrated.
struct OtherDocument {
  std::string collection;
  bson::Document document;
};

struct Image {
  std::string run;
  std::int64_t seq = 0;  // of the run: later runs have higher ones
  std::string service = "datasets";
  std::string collection = "datasets";
  bson::Value document;  // its _id
  std::string name;      // for people
  Direction direction = Direction::kDown;
  std::string from;  // versions
  std::string to;
  // Revisions that a way up may still restore from this image; only of a way
  // down.
  std::vector<std::string> open;
  std::optional<bson::Document> before;  // nothing: the run made the document
  bson::Bytes stored;                    // for keep(), in place of `before`: as it was read
  std::vector<OtherDocument> others;

  // The document as the run left it, kept only where the revisions alone do not
  // give it: the run restored something, or chose a name.
  std::optional<bson::Document> after;
  bson::Bytes stored_after;  // for keep(), in place of `after`
  std::vector<OtherDocument> after_others;

  // Images of other runs that this run restored from, with the revisions.
  struct Consumed {
    std::string run;
    std::vector<std::string> revisions;
  };
  std::vector<Consumed> consumed;
  std::vector<Consumed> revived;  // that it opened again, by undoing what had consumed them
  bson::Array files;              // GridFS files that were not deleted
  std::set<std::string> members;  // collections with images in kResidueMembers

  // Of a migration or a repair; services have documents of their own.
  bool of_dataset() const { return service == "datasets" || service == "repair"; }
  // Whether it is of the dataset that now has this collection of samples: an import
  // that overwrites a dataset keeps its _id.
  bool is_of(std::string_view samples) const;
};

// The _id of a part of its records; the first part is 0.
bson::Document record_id(const Image& image, std::int32_t part);

// One record, or several where the others need the room. What is encoded already
// goes in as it is.
std::vector<bson::Bytes> records_of(const Image& image);

// Puts records together; those of one image come one after another, and what is no
// record of an image is left out. An image is visited when the next one begins, or
// with finish().
class ImageReader {
 public:
  explicit ImageReader(std::function<void(Image)> visit) : visit_(std::move(visit)) {}
  void add(const bson::Document& record);
  void finish();

 private:
  std::function<void(Image)> visit_;
  std::string key_;
  std::optional<Image> image_;
};

// Images out of records, those of one image one after another; whatever stands
// in them, what is no record is left out.
std::vector<Image> read_images(const std::vector<bson::Document>& records);

}  // namespace fm
