"""`popmath simulate`: run the community that a file describes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from popmath.cli.output import errors_as_text, json_text, progress_of

_KEPT = 20_000_000  # so many abundances are kept, for exact quantiles; of more there are statistics only


def simulate(
    file: Annotated[
        str,
        typer.Argument(help="A community file (TOML), or a packaged example: paramecium, mites, meadow."),
    ],
    steps: Annotated[int | None, typer.Option(help="Projection intervals; default as in the file.")] = None,
    replicates: Annotated[
        int | None, typer.Option(help="Replicates; 0 for a single run; default as in the file.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the random numbers; default as in the file.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the table (CSV or Parquet by its ending): statistics by time and species, or abundances."
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--every", help="With --out: the abundances of every replicate in place of statistics.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the run to this PNG, PDF or SVG file.")] = None,
    copy: Annotated[Path | None, typer.Option(help="Write the community file to this path, to change it.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Simulate structured species that a community file describes, with noise, harvest and replicates."""
    with errors_as_text():
        from popmath.datasets import community_file
        from popmath.populations import read_scenario

        path = Path(file) if Path(file).is_file() else community_file(file)
        scenario = read_scenario(path)
        if out is not None and out.suffix not in (".csv", ".parquet"):
            raise ValueError(f"--out must end in .csv or .parquet; got {out.name!r}.")
        scenario = dataclasses.replace(
            scenario,
            num_steps=scenario.num_steps if steps is None else steps,
            num_replicates=scenario.num_replicates if replicates is None else replicates or None,
            seed=scenario.seed if seed is None else seed,
        )
        if every and scenario.num_replicates is None:
            raise ValueError("--every is for replicates; a single run always writes its abundances.")
        if copy is not None:
            copy.write_bytes(path.read_bytes())
            typer.echo(f"wrote {copy}", err=True)
        many = scenario.num_replicates
        what = "one run" if many is None else f"{many:,} replicates"
        with progress_of(f"simulating {what} of {scenario.num_steps:,} intervals"):
            numbers = (many or 0) * (scenario.num_steps + 1) * len(scenario.community.species)
            result = scenario.run(keep="abundances" if every or numbers <= _KEPT else "summary")
        table = _every_replicate(result) if every else _table(result)
        typer.echo(json_text(_record(scenario, table)) if json else _text(scenario, result))
        if out is not None:
            table.to_csv(out, index=False) if out.suffix == ".csv" else _to_parquet(table, out)
            typer.echo(f"wrote {out}: {len(table):,} rows", err=True)
        if plot is not None:
            drawn: Any = result.plot()
            (drawn if many else drawn.get_figure()).savefig(plot, dpi=150)
            typer.echo(f"wrote {plot}", err=True)


def _table(result) -> Any:
    """One row per time and species of an ensemble; one row per time of a single run."""
    from popmath.populations import Simulation

    return result.to_dataframe().reset_index() if isinstance(result, Simulation) else result.to_dataframe()


def _every_replicate(result) -> Any:
    """One row per replicate and time."""
    import numpy as np
    import pandas as pd

    count, times, species = result.abundances.shape
    columns = {"replicate": np.repeat(np.arange(count), times), "time": np.tile(result.times, count)}
    flat = result.abundances.reshape(-1, species)
    return pd.DataFrame(columns | {name: flat[:, i] for i, name in enumerate(result.species)})


def _to_parquet(table, out: Path) -> None:
    try:
        table.to_parquet(out, index=False)
    except ImportError:
        raise ImportError("writing Parquet needs pyarrow: pip install 'popmath[parquet]', or write .csv.") from None


def _text(scenario, result) -> str:
    """Title, community and the end of the run."""
    from popmath._text import number
    from popmath.populations import Simulation

    community = scenario.community
    lines = [scenario.title or "community", f"interval {number(community.interval)} {community.unit}"]
    if scenario.note:
        lines.append(scenario.note)
    lines.append("")
    if isinstance(result, Simulation):
        ends = zip(result.species, result.abundances[-1].tolist(), strict=True)
        lines.append(f"after {scenario.num_steps} intervals: " + ", ".join(f"{n} {number(v, 5)}" for n, v in ends))
    else:
        lines.append(result.summary())
    return "\n".join(lines)


def _record(scenario, table) -> dict[str, Any]:
    from popmath._provenance import provenance

    return {
        "title": scenario.title,
        "num_steps": scenario.num_steps,
        "num_replicates": scenario.num_replicates,
        "seed": scenario.seed,
        "rows": table.to_dict(orient="records"),
        "versions": provenance(),
    }
