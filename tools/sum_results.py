"""Add up pytest's result files and write ``N passed, M failed, K skipped``; errors count as failed."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree


def totals(files: list[Path]) -> tuple[int, int, int]:
    """Return how many tests passed, failed and were skipped in pytest's JUnit files."""
    tests = failed = skipped = 0
    for file in files:
        for suite in ElementTree.parse(file).iter("testsuite"):
            tests += int(suite.get("tests", 0))
            failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped += int(suite.get("skipped", 0))
    return max(tests - failed - skipped, 0), failed, skipped


def main() -> int:
    """Print the totals of the files on the command line; exit 1 where a test failed or none ran."""
    passed, failed, skipped = totals([Path(name) for name in sys.argv[1:] if Path(name).is_file()])
    sys.stdout.write(f"{passed} passed, {failed} failed, {skipped} skipped\n")
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
