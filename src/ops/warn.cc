#include "ops/warn.h"

#include "ops/operation.h"
#include "ops/template.h"

namespace fm::ops {

Warn Warn::parse(Arguments& arguments) { return {arguments.text("text")}; }

void Warn::apply(bson::Document& doc, Context& context) const {
  context.messages.push_back({Message::Level::kWarning, fill_template(text, doc, context)});
}

std::optional<Lowered> Warn::lower(const Bindings&) const { return std::nullopt; }

std::optional<Steps> Warn::inverse() const { return Steps{}; }

}  // namespace fm::ops
