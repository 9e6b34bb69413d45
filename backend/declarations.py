"""The words in which an analysis describes itself to the toolbox: parameters, outputs, help.

Standard library only: the catalogue that the QGIS side reads is these objects as JSON.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from .ramps import RAMPS

CATALOGUE_VERSION = 1


@dataclass(frozen=True)
class Parameter:
    """What every parameter has: a frozen name (API), a label, and help in whole sentences."""

    kind: ClassVar[str] = ""

    name: str
    label: str
    help: str

    def as_json(self) -> dict[str, Any]:
        """Return the parameter as plain JSON values."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class Raster(Parameter):
    """A raster layer; `grid_of` names the raster whose grid it must share."""

    kind: ClassVar[str] = "raster"

    grid_of: str | None = None
    optional: bool = False
    advanced: bool = False
    default: None = None


@dataclass(frozen=True)
class Band(Parameter):
    """A band of the raster that `raster` names."""

    kind: ClassVar[str] = "band"

    raster: str = ""
    default: int = 1
    optional: bool = False
    advanced: bool = False


@dataclass(frozen=True)
class Number(Parameter):
    """A number within [minimum, maximum]; `unit` is shown beside the label."""

    kind: ClassVar[str] = "number"

    default: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    integer: bool = False
    unit: str = ""
    optional: bool = False
    advanced: bool = False


@dataclass(frozen=True)
class Distance(Parameter):
    """A length in the map units of the raster that `raster` names."""

    kind: ClassVar[str] = "distance"

    raster: str = ""
    default: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    optional: bool = False
    advanced: bool = False


@dataclass(frozen=True)
class Choice(Parameter):
    """One (or `several`) of the options, each a frozen value and a label."""

    kind: ClassVar[str] = "choice"

    options: tuple[tuple[str, str], ...] = ()
    default: str | tuple[str, ...] = ""
    several: bool = False
    optional: bool = False
    advanced: bool = False


@dataclass(frozen=True)
class Flag(Parameter):
    """Yes or no."""

    kind: ClassVar[str] = "flag"

    default: bool = False
    optional: bool = False
    advanced: bool = False


@dataclass(frozen=True)
class Extent(Parameter):
    """A part of the map; empty means all of it."""

    kind: ClassVar[str] = "extent"

    default: None = None
    optional: bool = True
    advanced: bool = False


@dataclass(frozen=True)
class Text(Parameter):
    """A line of text."""

    kind: ClassVar[str] = "text"

    default: str | None = None
    optional: bool = False
    advanced: bool = False


@dataclass(frozen=True)
class File(Parameter):
    """An existing file whose name ends in `ending` (without the dot; empty: any)."""

    kind: ClassVar[str] = "file"

    ending: str = ""
    default: None = None
    optional: bool = False
    advanced: bool = False


@dataclass(frozen=True)
class Vector(Parameter):
    """A vector layer of a `geometry`: any (tables too), point, line or polygon; its job value is `path|layername=name`."""

    kind: ClassVar[str] = "vector"

    geometry: str = "any"
    default: None = None
    optional: bool = False
    advanced: bool = False


@dataclass(frozen=True)
class Field(Parameter):
    """A field of the vector layer that `vector` names; numeric or any."""

    kind: ClassVar[str] = "field"

    vector: str = ""
    numeric: bool = False
    default: str | None = None
    optional: bool = False
    advanced: bool = False


@dataclass(frozen=True)
class Style:
    """How a raster looks when it lands: a colour ramp and how values stretch over it."""

    ramp: str = "viridis"
    stretch: str = "linear"
    classes: tuple[tuple[float, str, str], ...] = ()


@dataclass(frozen=True)
class Output:
    """What every output has."""

    kind: ClassVar[str] = ""

    name: str
    label: str
    help: str
    optional: bool = False
    create_by_default: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return the output as plain JSON values."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class RasterOutput(Output):
    """A GeoTIFF on the grid of the inputs."""

    kind: ClassVar[str] = "raster"

    unit: str = ""
    style: Style = Style()


@dataclass(frozen=True)
class VectorStyle:
    """How a vector layer looks when it lands: graduated colours of a `field`; points and lines grow with `size_by` too.

    With `inverted` large values are dark, so that thin lines stand out on a white map.
    """

    field: str = ""
    ramp: str = "viridis"
    stretch: str = "quantile"
    size_by: str = ""
    inverted: bool = False


@dataclass(frozen=True)
class OutputLayer:
    """A layer of a vector output.

    Parameters
    ----------
    layer : str
        Its name in the file.
    name : str
        Name under which models and scripts get ``path|layername=layer``.
    """

    layer: str
    name: str
    label: str
    style: VectorStyle = VectorStyle()


@dataclass(frozen=True)
class VectorOutput(Output):
    """A GeoPackage of one or several layers."""

    kind: ClassVar[str] = "vector"

    layers: tuple[OutputLayer, ...] = ()


@dataclass(frozen=True)
class FileOutput(Output):
    """A file of another format, known by its ending (without the dot)."""

    kind: ClassVar[str] = "file"

    ending: str = "txt"
    format: str = "Text files"


@dataclass(frozen=True)
class FolderOutput(Output):
    """A folder that receives files; those of the same names are replaced, all at once or none, others stay."""

    kind: ClassVar[str] = "folder"


@dataclass(frozen=True)
class TableOutput(Output):
    """A CSV file with a header."""

    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class ReportOutput(Output):
    """A self-contained HTML file."""

    kind: ClassVar[str] = "report"


@dataclass(frozen=True)
class NumberOutput(Output):
    """A number that models and scripts can use."""

    kind: ClassVar[str] = "number"

    unit: str = ""


@dataclass(frozen=True)
class Declaration:
    """One toolbox entry.

    Parameters
    ----------
    id : str
        Algorithm id behind ``driftway:``; API, never changed.
    summary : str
        One sentence for the tooltip.
    help : tuple of str
        Paragraphs in simple HTML.
    references : tuple of str
        Author, year, title, DOI.
    """

    id: str
    label: str
    group: str
    group_id: str
    summary: str
    help: tuple[str, ...]
    tags: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    outputs: tuple[Output, ...]
    references: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the declaration as plain JSON values."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        plain["parameters"] = [p.as_json() for p in self.parameters]
        plain["outputs"] = [o.as_json() for o in self.outputs]
        return plain

    def parameter(self, name: str) -> Parameter:
        """Return the parameter of that name."""
        return next(p for p in self.parameters if p.name == name)


def catalogue(declarations: list[Declaration]) -> dict[str, Any]:
    """Return the catalogue that the QGIS side reads.

    Parameters
    ----------
    declarations : list of Declaration
        In toolbox order.

    Returns
    -------
    dict
        JSON values only: ``catalogue`` (version), ``ramps`` (colours by name) and ``algorithms``.
    """
    return {
        "catalogue": CATALOGUE_VERSION,
        "ramps": {name: list(colours) for name, colours in RAMPS.items()},
        "algorithms": [declaration.as_json() for declaration in declarations],
    }
