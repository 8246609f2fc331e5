#include "ops/guard.h"

#include "base/error.h"
#include "ops/operation.h"
#include "ops/template.h"

namespace fm::ops {

Guard Guard::parse(Arguments& arguments) {
  return {arguments.text("refuse"), arguments.optional_text("error").value_or("ValueError"),
          arguments.optional_text("remedy").value_or("")};
}

void Guard::apply(bson::Document& doc, Context& context) const {
  throw Error(Exit::kPrecondition, fill_template(refuse, doc, context), remedy, error);
}

std::optional<Lowered> Guard::lower(const Bindings&) const { return std::nullopt; }

std::optional<Steps> Guard::inverse() const { return Steps{}; }

}  // namespace fm::ops
