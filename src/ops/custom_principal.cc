// custom: {function: principal, user: KEY, principal: KEY, keep: false, up: true}
// Up: the id of a user under `user` becomes {kind: "user", id: ID} under
// `principal`, in its place; with `keep` beside it. Down: the reverse; a
// principal of another kind than a user is taken away. (2.18.0: owners and
// creators can be service accounts.)
#include "ops/custom.h"

namespace fm::ops {

namespace {

using bson::Document;
using bson::Value;

struct Keys {
  const std::string& user;
  const std::string& principal;
  bool keep;
  bool up;

  static bool flag(const Document& arguments, const char* name) {
    const auto* value = arguments.find(name);
    return value && value->truthy();
  }
  explicit Keys(const Document& arguments)
      : user(*arguments.find("user")->as<std::string>()),
        principal(*arguments.find("principal")->as<std::string>()),
        keep(flag(arguments, "keep")),
        up(flag(arguments, "up")) {}
};

Document of_user(const std::string& id) { return {{"kind", "user"}, {"id", id}}; }

void lift(Document& doc, const Keys& keys) {
  auto at = doc.index_of(keys.user);
  if (at == doc.size() || doc.has(keys.principal)) return;
  const auto* id = doc[at].value.as<std::string>();
  if (!id) return;
  Value principal = of_user(*id);
  if (keys.keep) {
    doc.append(keys.principal, std::move(principal));
  } else {
    doc[at] = {keys.principal, std::move(principal)};
  }
}

void lower_down(Document& doc, const Keys& keys, Context& context) {
  const auto at = doc.index_of(keys.principal);
  if (at == doc.size()) return;
  const auto* principal = doc[at].value.as<Document>();
  const auto* id = principal ? principal->find("id") : nullptr;
  const auto* text = id ? id->as<std::string>() : nullptr;
  if (!principal || !text) return;
  const bool plain = *principal == of_user(*text);
  if (keys.keep) {
    const auto* user = doc.find(keys.user);
    const Value back = Document(*principal);
    const bool comes_back = plain && user && *user == Value(*text) && at + 1 == doc.size();
    return remove(doc, keys.principal, context, comes_back ? &back : nullptr);
  }
  const auto* kind = principal->find("kind");
  if (doc.has(keys.user) || !kind || !(*kind == Value("user"))) return;
  Value user = *text;
  Value before = std::move(doc[at].value);
  doc[at] = {keys.user, std::move(user)};
  if (!plain) {
    context.displace(keys.principal, std::move(before), nullptr, at > 0 ? std::string_view(doc[at - 1].key) : "");
  }
}

void apply(Document& doc, const Document& arguments, Context& context) {
  const Keys keys(arguments);
  if (keys.up) {
    lift(doc, keys);
  } else {
    lower_down(doc, keys, context);
  }
}

}  // namespace

const CustomFunction kPrincipal{
    .name = "principal",
    .description = "an owner is a principal: a user or a service account",
    .check =
        [](Arguments& arguments) {
          arguments.text("user");
          arguments.text("principal");
          arguments.flag("keep");
          arguments.flag("up");
        },
    .apply = apply,
};

}  // namespace fm::ops
