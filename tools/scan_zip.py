"""Scan the plugin's zip as plugins.qgis.org does on upload: Bandit and detect-secrets; any finding fails."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path


def main() -> int:
    """Unpack the zip on the command line, scan it, print the findings and return 1 where there are any."""
    with tempfile.TemporaryDirectory(prefix="driftway-scan-") as folder:
        with zipfile.ZipFile(sys.argv[1]) as archive:
            archive.extractall(folder)
        findings = [*_bandit(folder), *_secrets(folder)]
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    sys.stdout.write(f"bandit and detect-secrets: {len(findings)} findings in {Path(sys.argv[1]).name}\n")
    return 1 if findings else 0


def _bandit(folder: str) -> list[str]:
    # All severities, not only medium and high: the repository's administrators may switch on single tests.
    answer = _run(["bandit", "-r", folder, "-f", "json", "--quiet"], folder)
    return [
        f"bandit {one['test_id']} {one['issue_severity']}: {Path(one['filename']).relative_to(folder)}:"
        f"{one['line_number']}: {one['issue_text']}"
        for one in answer["results"]
    ]


def _secrets(folder: str) -> list[str]:
    answer = _run(["detect_secrets", "scan", "--all-files", "--exclude-files", r"metadata\.txt", "."], folder)
    return [
        f"detect-secrets {secret['type']}: {name}:{secret['line_number']}"
        for name, secrets in answer["results"].items()
        for secret in secrets
    ]


def _run(arguments: list[str], folder: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise SystemExit(f"{arguments[0]} gave no result: {done.stderr[-2000:]}") from None


if __name__ == "__main__":
    sys.exit(main())
