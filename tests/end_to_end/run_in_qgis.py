"""Run driftway:connectivity in a QGIS of its own: quality, movement, output and an optional extent."""

from __future__ import annotations

import sys
from pathlib import Path

from qgis_session import start

QUALITY, MOVEMENT, OUT = sys.argv[1:4]


def main() -> None:
    """Say when the work is under way, and end with it."""
    from qgis.core import QgsProcessingFeedback

    processing = start()
    feedback = QgsProcessingFeedback()
    said = []

    def tell(percent: float) -> None:
        if percent > 4 and not said:
            said.append(percent)
            sys.stdout.write("under way\n")
            sys.stdout.flush()

    feedback.progressChanged.connect(tell)
    parameters = {"QUALITY": QUALITY, "MOVEMENT": MOVEMENT, "DISPERSAL_DISTANCE": 100.0, "FUNCTIONAL_HABITAT": OUT}
    if len(sys.argv) > 4:
        parameters["EXTENT"] = sys.argv[4]
    processing.run("driftway:connectivity", parameters, feedback=feedback)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    main()
