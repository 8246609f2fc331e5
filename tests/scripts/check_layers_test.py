"""scripts/check-layers passes a clean tree and names each kind of violation."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "check-layers"

CLEAN = {
    "src/base/CMakeLists.txt": "fm_library(base LIBS fmt::fmt)\n",
    "src/base/a.h": "#include <openssl/sha.h>\n#include <vector>\n",
    "src/bson/CMakeLists.txt": "fm_library(bson DEPS base LIBS x)\n",
    "src/bson/a.cc": '#include <bson/bson.h>\n#include "base/a.h"\n',
    "src/ops/CMakeLists.txt": "fm_library(ops\n  DEPS bson  # and base through it\n)\nfm_embed(fm_ops texts a.txt)\n",
    "src/ops/a.cc": '#include "base/a.h"\n#include "bson/a.h"\n#include "ops/a.h"\n#include "embedded/texts.h"\n',
    "src/store/CMakeLists.txt": "fm_library(store DEPS ops)\n",
    "src/store/store.h": "#include <mongoc/mongoc.h>\n",
}


class CheckLayers(unittest.TestCase):
    def run_on(self, changes):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {**CLEAN, **changes}.items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            done = subprocess.run([sys.executable, SCRIPT, folder], capture_output=True, text=True)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def test_clean_tree_passes(self):
        self.assertEqual(self.run_on({}), (0, ""))

    def test_violations(self):
        cases = {
            "upward include": ("src/ops/b.cc", '\n#include "store/store.h"\n', "src/ops/b.cc:2: store/store.h"),
            "in an untaken branch": ("src/ops/b.h", '#if 0\n# include "store/store.h"\n#endif\n', "src/ops/b.h:2:"),
            "in a folder below": ("src/ops/x/b.cc", '#include "store/store.h"\n', "src/ops/x/b.cc:1:"),
            "not linked": ("src/base/b.cc", '#include "bson/a.h"\n', "src/base/b.cc:1: bson/a.h"),
            "dots": ("src/ops/b.cc", '#include "../store/store.h"\n', "src/ops/b.cc:1: ../store/store.h"),
            "dots further in": ("src/ops/b.cc", '#include "ops/../../store/store.h"\n', "src/ops/b.cc:1:"),
            "no folder named": ("src/ops/b.cc", '#include "a.h"\n', "src/ops/b.cc:1: a.h"),
            "nothing embedded": ("src/store/b.cc", '#include "embedded/texts.h"\n', "src/store/b.cc:1:"),
            "driver": ("src/ops/b.cc", "#include <mongoc/mongoc.h>\n", "only server, store may include this"),
            "driver, old spelling": ("src/ops/b.cc", "#include <mongoc.h>\n", "src/ops/b.cc:1: mongoc.h"),
            "libbson": ("src/ops/b.cc", "#include <bson/bson.h>\n", "src/ops/b.cc:1: bson/bson.h"),
            "arrow": ("src/store/b.cc", "#include <arrow/api.h>\n", "only cloud may include this"),
            "no library": ("src/new/b.cc", "", "src/new/CMakeLists.txt:1: no fm_library(new"),
            "all of src": ("tests/CMakeLists.txt", "target_include_directories(t PRIVATE ${X}/src)\n", "tests/CMakeLists.txt:1:"),
        }
        for name, (path, text, expected) in cases.items():
            with self.subTest(name):
                status, output = self.run_on({path: text})
                self.assertEqual((status, len(output.splitlines())), (1, 1), output)
                self.assertIn(expected, output)


if __name__ == "__main__":
    unittest.main()
