"""What is wrong with a value as it was given, in words: QGIS itself says no more than that it is incorrect."""

from __future__ import annotations

import math
from typing import Any

from .parameters import choice_problem, is_empty
from .translation import tr

_TRUTHS = ("true", "false", "1", "0")


def value_problem(declared: dict[str, Any], value: Any) -> str:
    """Return what is wrong with a parameter's value and what to do; empty when nothing is, or when only QGIS can say.

    Parameters
    ----------
    declared : dict
        The catalogue's declaration of the parameter.
    value : object
        As the caller gave it; None when it was left out.
    """
    if is_empty(value):
        return _missing(declared, value)
    problem = _PROBLEMS.get(declared["kind"])
    return problem(declared, value) if problem else ""


def _missing(declared: dict[str, Any], value: Any) -> str:
    if declared["optional"]:
        return ""
    if declared["kind"] == "raster":
        return tr("{}: No raster is given. Choose a layer or a file.").format(declared["name"])
    if declared["kind"] == "choice" and value is not None:
        allowed = ", ".join(option for option, _ in declared["options"])
        return tr("{}: Nothing is chosen. Choose from: {}.").format(declared["name"], allowed)
    return ""


def _number_problem(declared: dict[str, Any], value: Any) -> str:
    name = declared["name"]
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return ""  # an expression, for instance
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        return tr("{}: '{}' is no finite number. Give one, with a point before its decimals.").format(name, value)
    low, high = declared.get("minimum"), declared.get("maximum")
    if low is not None and high is not None and not low <= number <= high:
        return tr("{}: {} is out of range. Give a number from {} to {}.").format(
            name, value, f"{low:.10g}", f"{high:.10g}"
        )
    if low is not None and number < low:
        return tr("{}: {} is out of range. Give a number of at least {}.").format(name, value, f"{low:.10g}")
    if high is not None and number > high:
        return tr("{}: {} is out of range. Give a number of at most {}.").format(name, value, f"{high:.10g}")
    return ""


def _flag_problem(declared: dict[str, Any], value: Any) -> str:
    # QGIS takes every other word for yes, "no" among them.
    if isinstance(value, str) and value.strip().lower() not in _TRUTHS:
        return tr("{}: '{}' is neither true nor false. Give true or false.").format(declared["name"], value)
    return ""


_PROBLEMS = {
    "band": _number_problem,
    "number": _number_problem,
    "distance": _number_problem,
    "choice": choice_problem,
    "flag": _flag_problem,
}
