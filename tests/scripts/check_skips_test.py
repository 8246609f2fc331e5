"""scripts/check-skips lets listed skips pass and names all others."""
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "check-skips"

PYTEST = """<testsuites><testsuite name="pytest">
<testcase classname="tests.cli.test_info" name="test_ok"/>
<testcase classname="tests.cli.test_info" name="test_a[1]"><skipped message="no server"/></testcase>
</testsuite></testsuites>"""
CTEST = """<testsuite name="Linux">
<testcase name="A.Ok" classname="A.Ok" status="run"/>
<testcase name="A.Skipped" classname="A.Skipped" status="notrun"><skipped message="GTEST_SKIP"/></testcase>
<testcase name="A.Disabled" classname="A.Disabled" status="disabled"/>
</testsuite>"""


class CheckSkips(unittest.TestCase):
    def run_with(self, skips):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "scripts").mkdir()
            (root / "tests").mkdir()
            (root / "tests" / "skips.txt").write_text(skips)
            (root / "p.xml").write_text(PYTEST)
            (root / "c.xml").write_text(CTEST)
            script = shutil.copy(SCRIPT, root / "scripts")
            done = subprocess.run(
                [sys.executable, script, root / "p.xml", root / "c.xml"], capture_output=True, text=True
            )
        return done.returncode, done.stderr

    def test_unlisted(self):
        status, text = self.run_with("# none\n")
        self.assertEqual(status, 1)
        for name in "tests.cli.test_info::test_a[1]: skipped (no server)", "A.Skipped:", "A.Disabled:":
            self.assertIn(name, text)
        self.assertEqual(len(text.splitlines()), 3)

    def test_listed(self):
        status, text = self.run_with("tests.cli.*::test_a[1]  # needs a server\nA.Skipped # x\nA.Dis* # y\n")
        self.assertEqual((status, text), (0, ""))

    def test_reason_is_required(self):
        status, text = self.run_with("A.Skipped\n")
        self.assertEqual(status, 1)
        self.assertIn("'A.Skipped' has no reason", text)


if __name__ == "__main__":
    unittest.main()
