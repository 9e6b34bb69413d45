"""Circuitscape's ini files: what they say, with its defaults. Light."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from .circuit_grounds import Policy
from .errors import InputError

_TRUE = ("True", "true", "1")
_SCENARIOS = {
    "pairwise": ("pairwise", "Pairwise"),
    "advanced": ("advanced", "Advanced"),
    "one-to-all": ("one-to-all", "one_to_all"),
    "all-to-one": ("all-to-one", "all_to_one"),
}
_POLICIES: dict[str, Policy] = {"rmvsrc": "rmvsrc", "rmvgnd": "rmvgnd", "rmvall": "rmvall"}
_NOTHING = ("", "None", "none")
#: Switches that Circuitscape 5 reads and does nothing with, and what is to be said of them.
IGNORED = {
    "set_focal_node_currents_to_zero": "Use FOCAL_CURRENTS of 'Pairwise current' for that.",
    "use_reclass_table": "Reclassify the raster first.",
    "compress_grids": "The grids are written as they are.",
}


@dataclass(frozen=True)
class Settings:
    """The values of an ini file.

    Parameters
    ----------
    path : Path
        The ini file.
    values : dict of str to str
        As they stand there.
    """

    path: Path
    values: dict[str, str]

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a yes or no; what is neither True, true nor 1 is no."""
        return self.values.get(name, "True" if default else "False") in _TRUE

    @property
    def is_network(self) -> bool:
        """Whether it is about a network, not a raster."""
        return self.values.get("data_type", "raster") not in ("raster", "Raster")

    @property
    def scenario(self) -> str:
        """``"pairwise"``, ``"advanced"``, ``"one-to-all"`` or ``"all-to-one"``; an unknown word stands for the first."""
        word = self.values.get("scenario", "")
        return next((name for name, words in _SCENARIOS.items() if word in words), "pairwise")

    @property
    def names_scenario(self) -> bool:
        """Whether the file names a scenario that is known."""
        return any(self.values.get("scenario", "") in words for words in _SCENARIOS.values())

    @property
    def policy(self) -> Policy:
        """What happens where a source meets a ground."""
        return _POLICIES.get(self.values.get("remove_src_or_gnd", ""), "keepall")

    @property
    def base(self) -> str:
        """What the names of the outputs begin with."""
        given = self.values.get("output_file", "")
        name = PureWindowsPath(given.strip("\"'")).name  # knows both slashes
        if not name or given.startswith("("):
            return self.path.stem
        return name.split(".out")[0] or self.path.stem

    @property
    def settings_name(self) -> str:
        """Name of the file in which Circuitscape repeats the settings."""
        given = PureWindowsPath(self.values.get("output_file", "").strip("\"'")).name
        return given if given.endswith(".out") else f"{self.base}.out"

    def names_file(self, name: str) -> bool:
        """Whether a file is given."""
        word = self.values.get(name, "").strip("\"'")
        return word not in _NOTHING and not word.startswith("(")

    def file(self, name: str) -> Path:
        """Return where a file lies: as it stands, from the ini's folder, from the folders above, or by its name beside the ini.

        Raises
        ------
        InputError
            When it is nowhere.
        """
        if not self.names_file(name):
            raise InputError("INI", f"'{self.path.name}' does not say {name}.", f"Add a line '{name} = ...'.")
        given = self.values[name].strip("\"'")
        written = Path(given.replace("\\", "/"))
        folder = self.path.resolve().parent
        tried = [written] if written.is_absolute() else [above / written for above in (folder, *folder.parents)]
        tried.append(folder / PureWindowsPath(given).name)
        found = next((path for path in tried if path.is_file()), None)
        if found is None:
            raise InputError(
                "INI",
                f"{name} = {given}: there is no such file, neither from the folder of '{self.path.name}' nor from those above it.",
                "Put the file there, or mend the path.",
            )
        return found

    def text(self) -> str:
        """Return the settings as an ini file."""
        lines = [f"{name} = {value}" for name, value in sorted(self.values.items())]
        return "\n".join(["[Circuitscape settings]", *lines]) + "\n"


def read_settings(path: str | Path) -> Settings:
    """Return the settings of an ini file.

    Raises
    ------
    InputError
        When it cannot be read or sets nothing.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise InputError("INI", f"'{path}' cannot be read: {error.strerror}.", "Check the path.") from error
    values = {}
    for line in text.splitlines():
        name, mark, value = line.partition("=")
        if mark and not line.lstrip().startswith(("[", "#", ";")):
            values[name.strip()] = value.strip()
    if not values:
        raise InputError("INI", f"'{path.name}' sets nothing.", "Give an ini file of Circuitscape.")
    return Settings(path, values)
