"""The command line: `popmath demo`, `fit`, `simulate`, `psi`, `psi-batch`, `table` and `train`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from popmath.cli.output import errors_as_text, json_text, progress_of
from popmath.cli.psi import psi, psi_batch
from popmath.cli.simulate import simulate
from popmath.cli.train import train

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Seed = Annotated[int, typer.Option(help="Seed of the random starts.")]
Confidence = Annotated[float, typer.Option("--confidence", help="Confidence level of the bands, between 0 and 1.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

MODELS = {
    "lotka-volterra": "LotkaVolterraCompetition",
    "leslie-gower": "LeslieGower",
    "ricker": "Ricker",
    "linear-leslie": "LinearLeslieCompetition",
}


@app.callback()
def main() -> None:
    """Structured populations and psi-class intersection numbers, with error bands."""


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("popmath-demo"),
    seed: Seed = 0,
    confidence: Confidence = 0.9,
) -> None:
    """Fit Gause's Paramecium mixture with every model, then compute intersection numbers three ways."""
    with errors_as_text():
        from popmath.demo import run_demo

        run_demo(out, seed=seed, confidence_level=confidence, say=typer.echo, progress=progress_of)


@app.command()
def fit(
    data: Annotated[
        str, typer.Argument(help="A CSV file with a time column, or a table that travels along: table3/mixture.")
    ],
    model: Annotated[str, typer.Option(help=f"One of {', '.join(MODELS)}.")] = "leslie-gower",
    species: Annotated[str, typer.Option(help="Columns to fit, separated by commas; default all.")] = "",
    time_column: Annotated[str, typer.Option("--time", help="The time column; default the first.")] = "",
    time_unit: Annotated[str, typer.Option(help="Unit of the times in a CSV file.")] = "days",
    step: Annotated[
        float, typer.Option(help="Projection interval of discrete-time models, and step of the forecast.")
    ] = 1.0,
    inoculum: Annotated[bool, typer.Option(help="The first row is what was put in, not a count.")] = False,
    forecast: Annotated[int, typer.Option(help="Steps to forecast beyond the series.")] = 0,
    confidence: Confidence = 0.9,
    starts: Annotated[int, typer.Option(help="Random starts.")] = 32,
    seed: Seed = 0,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the fit (or the forecast) to this PNG, PDF or SVG file.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Fit a population model to a series and report estimates, statistics and a verdict."""
    with errors_as_text():
        if model not in MODELS:
            raise ValueError(f"--model must be one of {', '.join(MODELS)}; got {model!r}.")
        import popmath as pm

        columns = [c.strip() for c in species.split(",") if c.strip()]
        series = _series(data, time_column, columns, inoculum, time_unit)
        with progress_of(f"fitting {MODELS[model]} from {starts} starts"):
            kind = getattr(pm, MODELS[model])
            continuous = kind is pm.LotkaVolterraCompetition
            template = kind(series.species) if continuous else kind(series.species, interval=step)
            result = pm.fit(template, series, num_starts=starts, seed=seed)
        ahead = None
        if forecast:
            with progress_of("calibrating the band by refits"):
                last = series.times[-1]
                ahead = result.forecast([last + k * step for k in range(1, forecast + 1)], confidence)
        typer.echo(_fit_json(result, ahead) if json else _fit_text(result, ahead))
        if plot is not None:
            axes = (ahead or result).plot()
            axes.get_figure().savefig(plot, dpi=150)  # ty: ignore
            typer.echo(f"wrote {plot}", err=True)


app.command()(simulate)
app.command()(train)
app.command()(psi)
app.command()(psi_batch)


@app.command()
def table(
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
    max_level: Annotated[int | None, typer.Option(help="Every type (g, n) with 2g - 2 + n at most this.")] = None,
    genus: Annotated[int | None, typer.Option(help="One genus; with --points.")] = None,
    points: Annotated[int | None, typer.Option(help="One number of points; with --genus.")] = None,
    jobs: Annotated[int, typer.Option(help="Processes; -1 for one per core.")] = -1,
    force: Annotated[bool, typer.Option("--force", help="Begin also what is predicted to be too large.")] = False,
) -> None:
    """Every psi-class number up to a level, or of one type, to a Parquet file; a killed run goes on where it was."""
    with errors_as_text():
        from popmath.intersections import save_table, saving_cost

        typer.echo(f"to write: {saving_cost(max_level, genus, points)}", err=True)
        begun = time.perf_counter()

        def progress(done: int, total: int) -> None:
            print(f"\r{done:,} of {total:,} numbers ({done / total:.0%})", end="", file=sys.stderr, flush=True)

        written = save_table(
            out, max_level=max_level, genus=genus, num_points=points, jobs=jobs, force=force, progress=progress
        )
        if max_level is not None:
            print(file=sys.stderr)
        size = written.stat().st_size / 2**20
        typer.echo(f"wrote {written}: {size:,.1f} MiB in {time.perf_counter() - begun:.1f} s")


def _series(data: str, time_column: str, columns: list[str], inoculum: bool, time_unit: str):
    import popmath as pm

    table, _, culture = data.partition("/")
    if culture and not Path(data).exists():
        if table in pm.datasets.GAUSE_TABLES:
            return pm.datasets.load_gause(table).culture(culture)
        if table == "lynx_hare":
            return pm.datasets.load_lynx_hare().culture(culture)
    if not Path(data).is_file():
        tables = ", ".join(f"{t}/mixture" for t in pm.datasets.GAUSE_TABLES)
        raise FileNotFoundError(f"no file {data!r}. Give a CSV file, or one of {tables}, lynx_hare/pelts.")
    return pm.read_series(data, time=time_column, species=columns, inoculum=inoculum, time_unit=time_unit)


def _fit_text(result, forecast) -> str:
    return "\n\n".join([result.summary(), *([] if forecast is None else [forecast.summary()])])


def _fit_json(result, forecast) -> str:
    from popmath._provenance import provenance

    record = {
        "model": result.name,
        "series": result.series.name,
        "converged": result.converged,
        "verdict": result.verdict,
        "sum_of_squares": result.sum_of_squares,
        "aicc": result.aicc,
        "r_squared": dict(zip(result.series.species, result.r_squared.tolist(), strict=True)),
        "rmse": dict(zip(result.series.species, result.rmse.tolist(), strict=True)),
        "estimates": {e.label: {"value": e.value, "low": e.low, "high": e.high} for e in result.estimates},
        "seed": result.seed,
        "num_starts": result.num_starts,
        "versions": provenance(),
    }
    if forecast is not None:
        record["forecast"] = {
            "confidence_level": forecast.confidence_level,
            "calibration": forecast.calibration,
            "warnings": forecast.warnings,
            "rows": forecast.to_dataframe().to_dict(orient="records"),
        }
    return json_text(record)
