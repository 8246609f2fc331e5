#include "store/driver.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "store/denied.h"

namespace fm {

using bson::Document;

namespace {

constexpr std::int32_t kUnauthorized = 13;
constexpr std::int32_t kAuthenticationFailed = 18;
// Another member is primary now, or this one stops: what failed can be done again.
constexpr std::uint32_t kTransient[] = {91, 189, 10107, 11600, 11602, 13435, 13436};
constexpr std::uint32_t kNotPrimary[] = {10107, 13435, 13436};
constexpr std::int32_t kDocumentValidationFailure = 121;
constexpr std::int32_t kSnapshotTooOld = 239;
constexpr std::int32_t kSnapshotUnavailable = 246;

template <std::size_t N>
bool is_one_of(std::uint32_t code, const std::uint32_t (&codes)[N]) {
  return std::find(std::begin(codes), std::end(codes), code) != std::end(codes);
}

std::string unreachable_remedy(std::string_view message) {
  if (message.find("TLS handshake failed") != std::string_view::npos) {
    return "The server is there, but TLS fails: tlsCAFile in the database URI has to name the authority of the "
           "server's "
           "certificate, the host of the URI has to stand in the certificate, and tls=true is only for a server with "
           "TLS.";
  }
  std::string out = "Check that the server of the database URI is up and can be reached from here.";
  // The driver says it in two ways, depending on who was quicker.
  if (message.find("closed connection") != std::string_view::npos ||
      message.find("connection closed") != std::string_view::npos) {
    out += " One that wants TLS closes the connection too: then add tls=true to the URI.";
  }
  return out;
}

}  // namespace

void fail_to_begin(const bson_error_t& error) {
  const std::string what = std::string("Could not connect to `mongod`: ") + error.message;
  if (error.domain == MONGOC_ERROR_STREAM) {
    throw Error(Exit::kUnreachable, what,
                "Check the host of the database URI, and that its name can be looked up here.", "ConnectionError");
  }
  throw Error(Exit::kUsage, what, "Check the options of the database URI.", "ConnectionError");
}

// Driver errors become ours here, once.
void fail(const bson_error_t& error, const std::string& doing) {
  const std::string what = doing + ": " + error.message;
  switch (error.domain) {
    case MONGOC_ERROR_SERVER_SELECTION: {
      // A refused login shows up as a failed selection too.
      if (std::string_view(error.message).find("uthentication") != std::string_view::npos) {
        throw Error(Exit::kRights, what, "Check user, password and authSource in the database URI.", "ConnectionError");
      }
      throw Error(Exit::kUnreachable, "Could not connect to `mongod`: " + std::string(error.message),
                  unreachable_remedy(error.message), "ConnectionError");
    }
    case MONGOC_ERROR_STREAM:
      throw Error(Exit::kUnreachable, what, "The connection was lost; run the same command again.", "ConnectionError");
    case MONGOC_ERROR_CLIENT:
      if (error.code == MONGOC_ERROR_CLIENT_AUTHENTICATE) {
        throw Error(Exit::kRights, what, "Check user, password and authSource in the database URI.", "ConnectionError");
      }
      break;
    default:
      break;
  }
  // The driver's own codes mean other things.
  const bool of_server = error.domain == MONGOC_ERROR_SERVER || error.domain == MONGOC_ERROR_WRITE_CONCERN;
  if (of_server && (error.code == kUnauthorized || error.code == kAuthenticationFailed)) {
    if (what.find("requires authentication") != std::string::npos) {
      throw Error(
          Exit::kRights, what,
          "Name a user in the database URI: mongodb://user:password@host:27017/. If one is named, it was removed "
          "meanwhile.");
    }
    std::string remedy = "The user of the database URI needs the role readWrite on this database.";
    if (const auto denied = read_denied(error.message)) {
      remedy = "The user of the database URI lacks " + denied->missing() +
               ". Migrating needs the role readWrite on the database, or the role of docs/security.md.";
    }
    // What follows is the command with all it carries.
    throw Error(Exit::kRights, what.substr(0, what.find(" to execute command {")), remedy);
  }
  if (of_server && is_one_of(error.code, kTransient)) {
    std::string remedy = "The server changes its role or stops; run the same command again.";
    if (is_one_of(error.code, kNotPrimary)) {
      remedy +=
          " If it stays a secondary: the URI of the database names this member alone; add replicaSet=<name of the set>"
          ", and leave out directConnection.";
    }
    throw Error(Exit::kUnreachable, what, remedy, "ConnectionError");
  }
  if (of_server && error.code == kDuplicateKey) {
    throw Error(
        Exit::kFailed, what,
        "A unique index allows these values once: remove or change the document that has them, then run the same "
        "command again.");
  }
  if (of_server && error.code == kDocumentValidationFailure) {
    throw Error(Exit::kFailed, what,
                "A validator of this collection refuses what is written; FiftyOne sets none. In mongosh, "
                "db.getCollectionInfos() shows it, and db.runCommand({collMod: \"<collection>\", validationLevel: "
                "\"off\"}) turns it off; then run the same command again.");
  }
  if (of_server && (error.code == kSnapshotTooOld || error.code == kSnapshotUnavailable)) {
    throw Error(Exit::kPrecondition, what,
                "The server no longer has, or cannot give, the data of that time. Raise its parameter "
                "minSnapshotHistoryWindowInSeconds (300 unless set) above the time that reading takes, and keep other "
                "programs from creating collections meanwhile; then run the same command again.");
  }
  throw Error(Exit::kFailed, what);
}

// writeErrors and writeConcernError of a reply that says ok.
void check_reply(const Document& reply, const std::string& doing) {
  bson_error_t error{};
  const auto from = [&](const Document& doc) {
    const auto* message = doc.find("errmsg");
    const auto* code = doc.find("code");
    const auto* text = message ? message->as<std::string>() : nullptr;
    bson_set_error(&error, MONGOC_ERROR_SERVER, static_cast<std::uint32_t>(code ? code->integer().value_or(0) : 0),
                   "%s", text ? text->c_str() : "unknown error");
    fail(error, doing);
  };
  for (const char* key : {"writeErrors", "writeConcernErrors"}) {
    const auto* list = reply.find(key);
    const auto* errors = list ? list->as<bson::Array>() : nullptr;
    if (errors && !errors->empty() && (*errors)[0].as<Document>()) from(*(*errors)[0].as<Document>());
  }
  const auto* concern = reply.find("writeConcernError");
  if (concern && concern->as<Document>()) from(*concern->as<Document>());
}

std::int64_t integer_of(const Document& reply, const char* key) {
  const auto* value = reply.find(key);
  return value ? value->integer().value_or(0) : 0;
}

void visit_all(const Cursor& cursor, const std::string& doing, const std::function<void(bson::View)>& visit) {
  const bson_t* doc = nullptr;
  while (mongoc_cursor_next(cursor.get(), &doc)) visit(bson::View(doc));
  bson_error_t error;
  if (mongoc_cursor_error(cursor.get(), &error)) fail(error, doing);
}

}  // namespace fm
