"""Runs a Circuitscape ini: the same files come out under the same names."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .circuit_advanced import advanced_currents
from .circuit_landscape import CircuitLandscape
from .circuit_memory import CircuitPlan
from .circuit_pairwise import Collected, pairwise
from .circuit_star import StarMaps, StarRun, star_currents
from .circuitscape_inputs import CircuitscapeInputs
from .circuitscape_outputs import GridWriter, resistance_columns, resistance_matrix, star_table
from .circuitscape_regions import regions_of_all, regions_of_pair
from .job import Report
from .wording import counted as in_words


def run_circuitscape(inputs: CircuitscapeInputs, folder: Path, report: Report, plan: CircuitPlan) -> dict[str, float]:
    """Run an ini into a folder and return numbers: runs, runs that were solved, files.

    Parameters
    ----------
    inputs : CircuitscapeInputs
    folder : Path
        Exists.
    report : Report
    plan : CircuitPlan
    """
    landscape = CircuitLandscape(inputs.conductance, inputs.neighbourhood, inputs.polygons, joins_gaps=True)
    writer = GridWriter(folder, inputs.settings, inputs.grid, inputs.conductance <= 0)
    scenario = inputs.settings.scenario
    modes = {"pairwise": _pairwise, "advanced": _advanced}
    numbers = modes.get(scenario, _star)(inputs, landscape, writer, report, plan)
    name = inputs.settings.settings_name
    (folder / name).write_text(inputs.settings.text(), encoding="utf-8")
    return {**numbers, "FILES": float(sum(1 for path in folder.iterdir() if path.is_file()))}


def _pairwise(
    inputs: CircuitscapeInputs, landscape: CircuitLandscape, writer: GridWriter, report: Report, plan: CircuitPlan
) -> dict[str, float]:
    settings, focal, rule = inputs.settings, inputs.focal, inputs.pairs
    if focal is None:
        raise ValueError("a pairwise run needs focal nodes")
    if rule is not None and rule.mode == "include":
        focal = focal.kept(rule.named(focal.ids))
    counted = ~np.eye(len(focal), dtype=bool) if rule is None else rule.counted_both_ways(focal.ids)
    sums = settings.flag("write_cur_maps") or settings.flag("write_cum_cur_map_only")
    singles = settings.flag("write_cur_maps") and not settings.flag("write_cum_cur_map_only")
    potentials = settings.flag("write_volt_maps")
    greatest = sums and settings.flag("write_max_cur_maps")
    total = np.zeros(landscape.shape) if sums else None
    most = np.full(landscape.shape, -9999.0) if greatest else None
    changed = settings.flag("log_transform_maps") or settings.flag("set_null_currents_to_nodata")
    ids = focal.ids

    def each(one: int, other: int, current: NDArray[np.float64] | None, potential: NDArray[np.float64]) -> None:
        name = f"_{ids[one]}_{ids[other]}"
        if potentials:
            writer.potential(writer.processed_potential(potential), name)
        if current is None:
            return
        shown = writer.processed(current)
        if changed:
            if total is not None:
                total[...] += shown
            if most is not None:
                np.maximum(most, shown, out=most)
        if singles:
            writer.current(shown, name)

    collected = Collected(
        total=None if changed else total,
        most=None if changed else most,
        each=each if singles or potentials or (changed and sums) else None,
        wants_current=singles or (changed and sums),
    )
    of_pair = partial(regions_of_pair, landscape.shape, inputs.polygons, focal) if focal.has_regions else None
    resistance = pairwise(landscape, focal, counted, collected, report, plan, regions_of_pair=of_pair)
    writer.summary(total, most)
    base = writer.folder / f"{settings.base}_resistances"
    base.with_name(base.name + ".out").write_text(resistance_matrix(ids, resistance), encoding="utf-8")
    base.with_name(base.name + "_3columns.out").write_text(resistance_columns(ids, resistance), encoding="utf-8")
    upper = np.triu(counted, 1)
    cut = upper & (resistance < 0)
    if cut.any():
        report.warning(f"Not connected: {int(cut.sum())} of {in_words(int(upper.sum()), 'pair')}, of resistance -1.")
    return {"RUNS": float(upper.sum()), "CONNECTED": float((upper & ~cut).sum())}


def _star(
    inputs: CircuitscapeInputs, landscape: CircuitLandscape, writer: GridWriter, report: Report, plan: CircuitPlan
) -> dict[str, float]:
    settings, focal, rule = inputs.settings, inputs.focal, inputs.pairs
    if focal is None:
        raise ValueError("a one-to-all run needs focal nodes")
    mode = "one-to-all" if settings.scenario == "one-to-all" else "all-to-one"
    if rule is not None:
        focal = focal.kept(rule.named(focal.ids))
    count = len(focal)
    joined = ~np.eye(count, dtype=bool) if rule is None else rule.counted(focal.ids)
    strength = np.array([1.0 if inputs.strengths is None else inputs.strengths.get(int(i), 1.0) for i in focal.ids])
    first = focal.first_cells
    runs = []
    for node in range(count):
        others = np.flatnonzero(joined[node])
        if mode == "one-to-all":
            grounds = focal.cells[np.isin(focal.owner, others)]
            sources, strengths = first[[node]], strength[[node]]
        else:
            # Focal nodes that the rule excludes stay sources, of 1 A, as in Circuitscape.
            rest = np.flatnonzero(np.arange(count) != node)
            grounds, sources = focal.cells_of(node), first[rest]
            strengths = np.where(joined[node, rest], strength[rest], 1.0)
            if len(others) == 0:
                sources, strengths = sources[:0], strengths[:0]
        # Circuitscape looks for the component at the cell of that number, which is another node's where focal regions come before.
        runs.append(StarRun(int(focal.ids[node]), sources, strengths, grounds, int(focal.cells[node])))
    sums = settings.flag("write_cur_maps") or settings.flag("write_cum_cur_map_only")
    total = np.zeros(landscape.shape) if sums else None
    most = np.full(landscape.shape, -9999.0) if sums and settings.flag("write_max_cur_maps") else None
    singles, potentials = settings.flag("write_cur_maps"), settings.flag("write_volt_maps")

    # Circuitscape writes nothing for a focal node of one cell that is left without others.
    written = joined.any(axis=1) | (np.bincount(focal.owner, minlength=count) > 1)

    def each(run: int, current: NDArray[np.float64] | None, potential: NDArray[np.float64]) -> None:
        if not written[run]:
            return
        name = f"_{runs[run].identity}"
        if potentials:
            writer.potential(potential, name)
        if singles and current is not None:
            writer.current(current, name)

    maps = StarMaps(total, most, each if singles or potentials else None, wants_current=singles)
    regions = regions_of_all(landscape.shape, inputs.polygons, focal)
    values = star_currents(landscape, regions, runs, mode, maps, report, plan)
    if most is not None and (most == -9999).all():
        most[...] = 0
    writer.summary(total, most)
    path = writer.folder / f"{settings.base}_resistances.out"
    path.write_text(star_table(focal.ids, values), encoding="utf-8")
    if (values < 0).any():
        alone = ", ".join(map(str, focal.ids[values < 0][:10].tolist()))
        report.warning(f"No current between source and ground for {int((values < 0).sum())} focal nodes: {alone}.")
    return {"RUNS": float(count), "CONNECTED": float((values >= 0).sum())}


def _advanced(
    inputs: CircuitscapeInputs, landscape: CircuitLandscape, writer: GridWriter, report: Report, plan: CircuitPlan
) -> dict[str, float]:
    settings = inputs.settings
    if inputs.source is None or inputs.ground is None:
        raise ValueError("an advanced run needs sources and grounds")
    found = advanced_currents(
        landscape,
        inputs.source,
        inputs.ground,
        settings.policy,
        report,
        compatible=True,
    )
    if found.components == 0:
        report.warning("No source is connected to a ground: all maps are 0.")
    if settings.flag("write_volt_maps"):
        writer.potential(found.potential)
    if settings.flag("write_cur_maps") or settings.flag("write_cum_cur_map_only"):
        writer.current(found.current)
    return {"RUNS": 1.0, "CONNECTED": float(found.components > 0)}
