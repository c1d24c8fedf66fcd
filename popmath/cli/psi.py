"""`popmath psi` and `popmath psi-batch`: intersection numbers, exact or with a band, one or a file of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from popmath.cli.output import errors_as_text, json_text, progress_of

if TYPE_CHECKING:
    import pandas

    from popmath.predictor import LogPrediction

Confidence = Annotated[float, typer.Option("--confidence", help="Confidence level of the bands, between 0 and 1.")]


def psi(
    genus: Annotated[int, typer.Argument(help="Genus g, at least 0.")],
    degrees: Annotated[list[int], typer.Argument(help="Degrees d1 d2 ... of the psi classes.")],
    exact: Annotated[
        bool, typer.Option("--exact", help="The exact fraction (the default without --interval).")
    ] = False,
    interval: Annotated[
        bool, typer.Option("--interval", help="The closest of closed form and networks, with its band.")
    ] = False,
    order: Annotated[
        int | None, typer.Option(help="With --interval: the closed form with so many corrections, 0 to 8, only.")
    ] = None,
    confidence: Confidence = 0.9,
    method: Annotated[
        str, typer.Option(help="Algorithm of the exact number: auto, closed_form, dvv, liu_xu, npoint.")
    ] = "auto",
    seed: Annotated[int, typer.Option(help="With --order: seed of the calibration numbers.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """A psi-class intersection number <tau_d1 tau_d2 ...>_g: exact, or an estimate with an error band."""
    with errors_as_text():
        _refuse_idle(exact or not interval, interval, order, confidence, method)
        from popmath.intersections import correlator, decimal_from_log, log_fraction

        record: dict[str, Any] = {"genus": genus, "degrees": sorted(degrees)}
        lines = []
        number = prediction = None
        if exact or not interval:
            number = correlator(genus, degrees, method=method)
            log_value = log_fraction(number)
            record |= {"exact": str(number), "log_value": log_value}
            decimal = "" if number.denominator == 1 else f"   = {decimal_from_log(log_value)}"
            lines.append(f"<{' '.join(f'tau_{d}' for d in sorted(degrees))}>_{genus} = {number}{decimal}   (exact)")
        if interval:
            prediction = _predicted(genus, degrees, order, confidence, seed)
            record["interval"] = {
                "log_value": prediction.log_value,
                "log_lower": prediction.log_lower,
                "log_upper": prediction.log_upper,
                "value": prediction.value,
                "confidence_level": prediction.confidence_level,
                "method": prediction.method,
                "reason": prediction.reason,
                "calibrated_genera": prediction.calibrated_genera,
                "num_calibration": prediction.num_calibration,
                "warnings": prediction.warnings,
            }
            lines.append(prediction.summary())
        if number is not None and prediction is not None:
            covered = prediction.covers(log_fraction(number))
            record["covered"] = covered
            lines.append(f"  the band {'covers' if covered else 'does NOT cover'} the exact number")
        typer.echo(json_text(record) if json else "\n".join(lines))


def psi_batch(
    requests: Annotated[Path, typer.Argument(help="A CSV or Parquet file with the columns genus and degrees.")],
    out: Annotated[Path, typer.Option(help="File to write: .csv, .parquet or .json.")],
    confidence: Confidence = 0.9,
    exact: Annotated[bool, typer.Option(help="Give exact numbers where they are cheap.")] = True,
    exact_seconds: Annotated[float, typer.Option(help="How much exact computation there may be, as predicted.")] = 0.5,
) -> None:
    """Intersection numbers with error bands, for every row of a file; degrees are written as "1 20 24"."""
    with errors_as_text():
        import pandas as pd

        if out.suffix not in (".csv", ".parquet", ".json"):
            raise ValueError(f"--out must end in .csv, .parquet or .json; got {out.name!r}.")
        if not out.absolute().parent.is_dir():
            raise FileNotFoundError(f"no folder {str(out.parent)!r} to write to.")
        if not requests.is_file():
            raise FileNotFoundError(f"no file {str(requests)!r}. Give a CSV file with the columns genus and degrees.")
        table = pd.read_parquet(requests) if requests.suffix == ".parquet" else pd.read_csv(requests)
        from popmath.predictor import IntersectionPredictor

        with progress_of(f"{len(table):,} numbers"):
            predictor = IntersectionPredictor(exact_seconds=exact_seconds)
            found = predictor.predict_frame(table, confidence, allow_exact=exact)
        _write(found, out)
        outside = int((found["warnings"] != "").sum())
        note = f"; {outside:,} with a warning" if outside else ""
        counts = ", ".join(f"{count:,} {name}" for name, count in found["method"].value_counts().items())
        typer.echo(f"wrote {out}: {counts or 'no rows'}{note}")


def _refuse_idle(exact: bool, interval: bool, order: int | None, confidence: float, method: str) -> None:
    """Options that would change nothing."""
    if not interval and (order is not None or confidence != 0.9):
        raise ValueError("--order and --confidence are for --interval: without it there is only the exact number.")
    if not exact and method != "auto":
        raise ValueError("--method is for the exact number: with --interval, give --exact as well.")


def _predicted(genus: int, degrees: list[int], order: int | None, confidence: float, seed: int) -> LogPrediction:
    from popmath.predictor import AsymptoticPredictor, IntersectionPredictor

    if order is None:
        return IntersectionPredictor().predict(genus, degrees, confidence, allow_exact=False)
    from popmath.intersections import asymptotic

    asymptotic(genus, degrees, order)  # refuses what has no closed form before anything is calibrated
    with progress_of("calibrating the band on exact numbers"):
        predictor = AsymptoticPredictor.calibrate(order=order, confidence_level=confidence, seed=seed)
    return predictor.predict(genus, degrees)


def _write(table: pandas.DataFrame, out: Path) -> None:
    if out.suffix == ".json":
        table.to_json(out, orient="records", indent=1)
    elif out.suffix == ".parquet":
        table.to_parquet(out, index=False)
    else:
        table.to_csv(out, index=False)
