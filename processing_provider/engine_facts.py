"""The names of what the engine's status tells."""

from __future__ import annotations

FACTS = {
    "STATE": "State",
    "WHY": "Why",
    "PLUGIN": "Plugin version",
    "INTERPRETER": "Interpreter",
    "PACKAGE_FOLDER": "Package folder",
    "CACHE_FOLDER": "Cache folder",
    "BACKEND": "Backend version",
    "PYTHON": "Python version",
    "JAX": "JAX version",
    "DEVICE": "Device",
    "MEMORY": "Memory",
    "SELF_TEST": "Self-test",
    "SELF_TEST_ERROR": "Relative error of the self-test",
    "SELF_TEST_SECONDS": "Duration of the self-test (s)",
}
NUMBERS = ("MEMORY", "SELF_TEST_ERROR", "SELF_TEST_SECONDS")
