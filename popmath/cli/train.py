"""`popmath train`: train a network as a TOML file says; a killed run goes on where it was."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from popmath.cli.output import errors_as_text

if TYPE_CHECKING:
    from popmath.dynamicformer import Report


def train(
    config: Annotated[Path, typer.Argument(help="A TOML file of settings, such as fits/psi/psi-residual.toml.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the run; default the name in the settings.")] = None,
    start: Annotated[
        Path | None, typer.Option(help="Weights of another run to begin with, of a network of the same shape.")
    ] = None,
) -> None:
    """Train a network on exact psi-class numbers; a killed run goes on where it was."""
    with errors_as_text():
        from popmath.dynamicformer import read_settings
        from popmath.dynamicformer import train as run

        settings = read_settings(config)
        folder = out or Path(settings.name)
        begun = time.perf_counter()
        result = run(settings, folder, progress=_line, start=start)
        print(file=sys.stderr)
        assert result is not None  # there is no limit of time
        typer.echo(
            f"{settings.name}: mean absolute error {result.record['validation']:.3g} on validation after "
            f"{result.record['steps']:,} steps, {time.perf_counter() - begun:.0f} s; weights and metrics: {folder}"
        )


def _line(report: Report) -> None:
    """One line on standard error, written over."""
    width = 20
    done = report.step * width // report.num_steps
    left = time.strftime("%H:%M:%S", time.gmtime(report.seconds_left))
    text = (
        f"[{'#' * done}{'.' * (width - done)}] {report.step:,} of {report.num_steps:,}  loss {report.loss:.2e}  "
        f"validation {report.validation:.2e}  {report.samples_per_second:,.0f} samples/s  {left} left"
    )
    print(f"\r{text}", end="", file=sys.stderr, flush=True)
