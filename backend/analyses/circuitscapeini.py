"""`driftway:circuitscapeini`: runs an ini file of Circuitscape as it is."""

from __future__ import annotations

from ..circuit_memory import CircuitPlan, plan_circuit
from ..circuitscape_inputs import CircuitscapeInputs, check_scenario, read_inputs
from ..circuitscape_settings import read_settings
from ..declarations import Declaration, File, FolderOutput, NumberOutput
from ..job import Job, Report
from ..output_checks import check_outputs
from ..outputs import Outputs

#: Its kernels are Numba's: the worker starts sooner and smaller.
USES_JAX = False
DECLARATION = Declaration(
    id="circuitscapeini",
    label="Run a Circuitscape ini file",
    group="Currents",
    group_id="currents",
    summary="Runs an existing ini file of Circuitscape as it is and writes the files that Circuitscape 5 would write.",
    help=(
        "The raster modes pairwise, one-to-all, all-to-one and advanced with all their switches: results agree with those of "
        "Circuitscape 5 within its own tolerances, oddities included (cells of nodata inside a short-circuit region conduct; log "
        "scales are summed). Relative paths are tried from the folder of the ini, then from the folders above it; a file that is "
        "found nowhere is looked for by its name beside the ini. The files go into OUTPUT_FOLDER under the names that the ini's "
        "output_file gives them: current maps (<tt>_curmap_1_2.asc</tt>), their sum and greatest value "
        "(<tt>_cum_curmap.asc</tt>, <tt>_max_curmap.asc</tt>), potentials (<tt>_voltmap_1_2.asc</tt>) and resistances "
        "(<tt>_resistances.out</tt>, <tt>_resistances_3columns.out</tt>).",
        "The solver is Driftway's own, whatever the ini names. Circuitscape 5 ignores set_focal_node_currents_to_zero, "
        "use_reclass_table and compress_grids; so does this, and says it. Networks (data_type = network) are not run.",
    ),
    tags=("circuitscape", "circuit", "current", "resistance", "ini", "pairwise", "one-to-all", "advanced"),
    parameters=(File("INI", "Circuitscape ini file", "The file with the settings.", ending="ini"),),
    outputs=(
        FolderOutput(
            "OUTPUT_FOLDER",
            "Output folder",
            "Receives all files; those of the same names are replaced, others stay.",
        ),
        NumberOutput("RUNS", "Runs", "Pairs of focal nodes, or focal nodes, or 1 in advanced mode."),
        NumberOutput("CONNECTED", "Connected runs", "Runs in which current flows."),
        NumberOutput("FILES", "Files", "Number of files written."),
    ),
    references=(
        "McRae, B. H. et al. (2008) Using circuit theory to model connectivity in ecology, evolution, and conservation. Ecology "
        "89, 2712-2724. https://doi.org/10.1890/07-1861.1",
        "Anantharaman, R. et al. (2020) Circuitscape in Julia: empowering dynamic approaches to connectivity assessment. Land 9, "
        "301. https://doi.org/10.3390/land9090301",
    ),
)


def check_headers(job: Job) -> None:
    """Check the ini, the files that it names, and the folder; raises `InputError`."""
    check_scenario(read_settings(job.parameters["INI"]))
    check_outputs(job, None)


def check(job: Job, report: Report) -> tuple[CircuitscapeInputs, CircuitPlan]:
    """Read and check everything; raises `InputError` or `MemoryPlanError`."""
    check_headers(job)
    settings = read_settings(job.parameters["INI"])
    inputs = read_inputs(settings, report)
    nodes = 1 if inputs.focal is None else len(inputs.focal)
    by_pair = settings.scenario == "pairwise" and inputs.focal is not None and inputs.focal.has_regions
    maps = any(map(settings.flag, ("write_cur_maps", "write_volt_maps", "write_cum_cur_map_only")))
    fields = nodes - 1 if maps and not by_pair else 1
    solves = nodes * (nodes - 1) // 2 if by_pair else max(1, nodes - 1)
    return inputs, plan_circuit(job, inputs.grid.cells, fields, 6, report, solves=solves)


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Run the ini."""
    from ..circuitscape_run import run_circuitscape

    inputs, plan = check(job, report)
    numbers: dict[str, float] = {}
    outputs.write("OUTPUT_FOLDER", lambda folder: numbers.update(run_circuitscape(inputs, folder, report, plan)))
    return numbers
