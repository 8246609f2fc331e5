// crash_cases: the names of all cases, each with its target.
// crash_cases NAME URI DATABASE: stores one.
#include <cstdio>
#include <cstring>

#include "property/crash_cases.h"
#include "store/mongo.h"

int main(int argc, char** argv) {
  using namespace fm;
  const auto cases = crash_cases();
  for (const auto& one : cases) {
    if (argc == 1) std::printf("%s %s\n", one.name.c_str(), one.to.c_str());
    if (argc != 4 || one.name != argv[1]) continue;
    const MongoDriver driver;
    Mongo mongo(argv[2], argv[3]);
    store(mongo, one);
    return 0;
  }
  return argc == 1 ? 0 : 1;
}
