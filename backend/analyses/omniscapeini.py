"""`driftway:omniscapeini`: runs an ini file of Omniscape as it is."""

from __future__ import annotations

from pathlib import Path

from .. import omnidirectional_checks as checks
from ..declarations import Declaration, File, FolderOutput, NumberOutput
from ..job import Job, Report
from ..moving_window import MovingWindow
from ..omnidirectional_parameters import MODE
from ..omnidirectional_rows import RowSource
from ..omniscape_settings import OmniscapeSettings, check_settings, read_settings
from ..output_checks import check_outputs
from ..outputs import Outputs

#: Its kernels are Numba's: the worker starts sooner and smaller.
USES_JAX = False
DECLARATION = Declaration(
    id="omniscapeini",
    label="Run an Omniscape ini file",
    group="Currents",
    group_id="currents",
    summary="Runs an existing ini file of Omniscape.jl as it is and writes the files that Omniscape would write.",
    help=(
        "All options of Omniscape.jl 0.6: source strength from resistance or raster, threshold and cut-off, blocks, buffer, "
        "conditional connectivity, reclassification, artefact correction, flow potential, normalised current. Relative paths "
        "are tried from the folder of the ini, then from the folders above it; a file that is found nowhere is looked for by "
        "its name beside the ini. The files go straight into OUTPUT_FOLDER, whatever project_name says: <tt>cum_currmap</tt>, "
        "<tt>flow_potential</tt>, <tt>normalized_cum_currmap</tt>, <tt>classified_resistance</tt> (.tif or .asc, as write_as_tif "
        "says) and <tt>config.ini</tt>. Cumulative current is written even where write_raw_currmap is false.",
        "With MODE compatible the maps are Omniscape's, its flaws included; the default is corrected: see 'Omnidirectional "
        "current' for the difference. The solver is direct and Driftway's own, whatever the ini names; parallelize, "
        "parallel_batch_size, solver and suppress_cs_messages have no effect.",
        "precision = single rounds the rasters to single precision; the computation is in double precision. Where Omniscape "
        "with 4 neighbours and artefact correction divides rounding by rounding, the result differs from run to run even "
        "there; those cells count as not corrected here.",
    ),
    tags=("omniscape", "ini", "circuit", "current", "moving window", "flow potential", "normalised current"),
    parameters=(File("INI", "Omniscape ini file", "The file with the settings.", ending="ini"), MODE),
    outputs=(
        FolderOutput(
            "OUTPUT_FOLDER",
            "Output folder",
            "Receives all files; those of the same names are replaced, others stay.",
        ),
        NumberOutput("WINDOWS", "Windows", "Number of blocks with source strength."),
        NumberOutput("TOTAL_CURRENT", "Sum of cumulative current", "Over all cells."),
        NumberOutput("MEAN_NORMALISED", "Mean normalised current", "Over all cells, where it is computed."),
    ),
    references=(
        "Landau, V. A. et al. (2021) Omniscape.jl: software to compute omnidirectional landscape connectivity. Journal of Open "
        "Source Software 6(57), 2829. https://doi.org/10.21105/joss.02829",
        "McRae, B. H. et al. (2016) Conserving Nature's Stage: mapping omnidirectional connectivity for resilient terrestrial "
        "landscapes in the Pacific Northwest. The Nature Conservancy, Portland. https://doi.org/10.13140/RG.2.1.4158.6166",
    ),
)
_NAMES = {"RESISTANCE": "INI", "SOURCE": "INI", "TARGET": "INI"}


def check_headers(job: Job) -> None:
    """Check the ini, the files that it names, and the folder; raises `InputError`."""
    _read(job)


def _read(job: Job) -> tuple[OmniscapeSettings, RowSource, MovingWindow]:
    settings = read_settings(job.parameters["INI"])
    check_outputs(job, None)
    return (settings, *check_settings(settings, compatible=job.parameters["MODE"] == "compatible"))


def check(job: Job, report: Report) -> checks.Prepared:
    """Read and check everything; raises `InputError` or `MemoryPlanError`."""
    return _prepare(job, report, *_read(job))


def _prepare(
    job: Job, report: Report, settings: OmniscapeSettings, source: RowSource, window: MovingWindow
) -> checks.Prepared:
    for text in settings.warnings():
        report.warning(text)
    return checks.prepare(
        source,
        window,
        report,
        null=_needs_null(settings),
        gradient=False,
        threads=job.threads,
        memory_limit=job.memory_limit,
        names=_NAMES,
    )


def _needs_null(settings: OmniscapeSettings) -> bool:
    return settings.flag("calc_flow_potential") or settings.flag("calc_normalized_current")


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Run the ini."""
    from .. import omnidirectional_run as running
    from ..omniscape_outputs import write_grid, write_settings

    settings, source, window = _read(job)
    prepared = _prepare(job, report, settings, source, window)
    null, mask = _needs_null(settings), settings.flag("mask_nodata")
    maps, _ = running.run_currents(prepared, outputs, report, null=null, mask=mask, gradient=False)
    made = {"cum_currmap": maps.cumulative_rows}
    if settings.flag("calc_flow_potential"):
        made["flow_potential"] = maps.potential_rows
    if settings.flag("calc_normalized_current"):
        made["normalized_cum_currmap"] = maps.normalised_rows
    if settings.flag("reclassify_resistance") and settings.flag("write_reclassified_resistance"):
        made["classified_resistance"] = lambda rows: source.movement(rows.start, rows.stop - rows.start)
    as_tif, metadata = settings.flag("write_as_tif"), job.provenance()

    def write(folder: Path) -> None:
        for name, values in made.items():
            rows = running.MapRows(values, "float64")
            write_grid(folder, name, rows, source.grid, as_tif=as_tif, metadata=metadata)
        write_settings(folder, settings)

    report.progress(1, "Writing the results")
    outputs.write("OUTPUT_FOLDER", write)
    total = running.statistics(prepared, maps.cumulative_rows)[0]
    mean = running.statistics(prepared, maps.normalised_rows)[1] if null else float("nan")
    return {"WINDOWS": maps.windows, "TOTAL_CURRENT": total, "MEAN_NORMALISED": mean}
