"""What makes no job at all: unknown or missing entries, and values that are none."""

from __future__ import annotations

import pytest

from backend.errors import InputError
from backend.job import Job


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"MOVEMENT": None}, r"^MOVEMENT: 'Movement \(permeability or resistance\)' is missing. Give it a value"),
        ({"PROXIMITY": "linear"}, r"^PROXIMITY: 'linear' is not a choice. Choose from: exponential, gaussian"),
        ({"NEIGHBOURS": 8}, r"^NEIGHBOURS: '8' is not a choice. Choose from: 4, 8"),
        ({"CUTOFF": 0.0}, r"^CUTOFF: 0.0 is out of range. It must be between 1e-06 and 0.999"),
        ({"CUTOFF": "small"}, r"^CUTOFF: 'small' is no finite number"),
        ({"DISPERSAL_DISTANCE": float("nan")}, r"^DISPERSAL_DISTANCE: 'nan' is no finite number"),
        ({"DISPERSAL_DISTANCE": float("inf")}, r"^DISPERSAL_DISTANCE: 'inf' is no finite number"),
        ({"DISPERSAL_DISTANCE": -1.0}, r"^DISPERSAL_DISTANCE: -1.0 is out of range. It must be >= 0"),
        ({"MAXIMUM_WINDOW": 2.5}, r"^MAXIMUM_WINDOW: 2.5 is no whole number"),
        ({"EXTENT": [0, 1]}, r"^EXTENT: '\[0, 1\]' is no extent. Give four numbers: xmin, xmax, ymin, ymax"),
        ({"SLOPE": 3}, r"^SLOPE: 'connectivity' has no such parameter. Known: ALIGN"),
    ],
)
def test_parameters_that_make_no_job(parameters, match):
    plain = {
        "job": 1,
        "analysis": "connectivity",
        "parameters": {"QUALITY": "q.tif", "MOVEMENT": "m.tif", **parameters},
    }
    with pytest.raises(InputError, match=match):
        Job.from_dict(plain)


@pytest.mark.parametrize(
    ("plain", "match"),
    [
        ({"job": 2, "analysis": "connectivity", "parameters": {}}, r"^The job has version 2, this backend reads 1"),
        ({"analysis": "corridors", "parameters": {}}, r"^There is no analysis 'corridors'. Known:.*connectivity"),
        ({"analysis": "connectivity"}, r"^The job has no parameters"),
        ({"analysis": "connectivity", "parameters": {}, "speed": 9}, r"^The job has an entry 'speed'"),
    ],
)
def test_what_is_no_job(plain, match):
    with pytest.raises(InputError, match=match):
        Job.from_dict(plain)
