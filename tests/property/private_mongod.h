// A MongoDB server of the test's own: started on first use on a free port with
// an empty folder, gone with the test.
#pragma once

#include "store/mongo.h"

namespace fm {

// A database of that server. The program is $FM_MONGOD, else `mongod` on PATH,
// else the one in the project's .venv. Throws std::runtime_error that names
// these when there is none, or with the server's last lines when it does not
// start.
Mongo& test_server();

}  // namespace fm
