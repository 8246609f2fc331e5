// Runs the properties with a fixed seed and few cases, so that a build that
// passes once passes again. Failures show the document they are about instead of
// being shrunk, which takes long with a server. RC_PARAMS changes all of that, for
// example RC_PARAMS="max_success=5000 seed=7 noshrink=0".
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <string>

int main(int argc, char** argv) {
  const char* given = std::getenv("RC_PARAMS");
  std::string parameters = given ? given : "";
  for (const char* standard : {"seed=20240229", "max_success=40", "max_size=60", "noshrink=1"}) {
    const std::string text = standard;
    if (parameters.find(text.substr(0, text.find('=') + 1)) == std::string::npos) parameters = text + " " + parameters;
  }
  ::setenv("RC_PARAMS", parameters.c_str(), 1);
  std::cout << "RC_PARAMS=\"" << parameters << "\"" << std::endl;
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
