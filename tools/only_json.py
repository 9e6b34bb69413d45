"""Pass on the JSON object in qgis_process's standard output; all else goes to standard error."""

from __future__ import annotations

import json
import re
import sys


def split(text: str) -> tuple[str, str]:
    """Return the last JSON object that starts at the beginning of a line, and the rest of the text."""
    decoder = json.JSONDecoder()
    for start in (match.start() for match in re.finditer(r"^\{", text, re.MULTILINE)):
        try:
            _, end = decoder.raw_decode(text, start)
        except ValueError:
            continue
        return text[start:end], text[:start] + text[end:]
    return "", text


def main() -> int:
    """Filter standard input."""
    text = sys.stdin.buffer.read().decode("utf-8", errors="replace")
    found, rest = split(text)
    if rest.strip():
        sys.stderr.write(rest.rstrip() + "\n")
    if found:
        sys.stdout.buffer.write(found.encode("utf-8") + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
