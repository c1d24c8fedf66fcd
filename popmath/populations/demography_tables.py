"""The indices of a `Demography` as text, HTML and data frames, in the unit of the model."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas

    import popmath.populations.indices
    import popmath.populations.matrix_population

# field, title, unit; {unit} is the time unit of the model, into which intervals are converted
ROWS = (
    ("growth_rate", "growth rate", "per interval"),
    ("log_growth_rate", "log growth rate", "1/{unit}"),
    ("damping_ratio", "damping ratio", "per interval"),
    ("oscillation_period", "period of oscillation", "{unit}"),
    ("net_reproductive_rate", "net reproductive rate", "per generation"),
    ("generation_time", "generation time, log R0 / log lambda", "{unit}"),
    ("generation_time_cohort", "generation time, cohort to 1 % survival", "{unit}"),
    ("generation_time_parents", "generation time, mean age difference", "{unit}"),
    ("longevity", "longevity, to 1 % survival", "{unit}"),
    ("maturity_probability", "probability of maturity", "probability"),
    ("age_at_maturity", "age at maturity (first interval: 1)", "{unit}"),
    ("reactivity", "reactivity", "ratio"),
    ("first_step_attenuation", "first-step attenuation", "ratio"),
    ("max_amplification", "maximal amplification", "ratio"),
    ("max_amplification_time", "time of maximal amplification", "{unit}"),
    ("max_attenuation", "maximal attenuation", "ratio"),
    ("max_attenuation_time", "time of maximal attenuation", "{unit}"),
    ("inertia_upper", "inertia, upper bound", "ratio"),
    ("inertia_lower", "inertia, lower bound", "ratio"),
    ("kreiss_upper", "Kreiss bound, upper", "ratio"),
    ("kreiss_lower", "Kreiss bound, lower", "ratio"),
)
BY_CLASS = ("stable_distribution", "reproductive_value", "life_expectancy", "life_expectancy_sd")


def text_summary(result: popmath.populations.indices.Demography) -> str:
    """`Demography.summary` of one model."""
    lines = [_heading(result), ""]
    for field, title, unit in ROWS:
        value = float(_in_unit(result, field, unit))
        mark = " *" if field in result.notes else ""
        lines.append(f"{title:<42}{_shown(value, 6):>12}  {unit.format(unit=result.population.unit)}{mark}")
    names = result.population.class_names
    width = max(5, *(len(name) for name in names))
    lines += ["", f"{'class':<{width}}{'stable':>10}{'rep. value':>12}{'life exp.':>12}{'st. dev.':>10}"]
    for name, (stable, value, life, spread) in zip(names, _by_class(result), strict=True):
        lines.append(f"{name:<{width}}{stable:>10.4g}{value:>12.4g}{life:>12.4g}{spread:>10.4g}")
    if result.notes:
        lines += ["", *(f"* {field}: {note}" for field, note in result.notes.items())]
    return "\n".join(lines)


def html_summary(result: popmath.populations.indices.Demography) -> str:
    """Tables of one model, or the spread of each index over a batch, with the notes."""
    unit_of = {field: unit.format(unit=result.population.unit) for field, _, unit in ROWS}
    marks = {field: " *" if field in result.notes else "" for field, _, _ in ROWS}
    if np.ndim(result.growth_rate):
        rows = []
        for field, title, unit in ROWS:
            values = np.ravel(_in_unit(result, field, unit))
            known = values[~np.isnan(values)]
            spread = (known.min(), np.median(known), known.max()) if known.size else (np.nan,) * 3
            rows.append((title + marks[field], *(_shown(value, 4) for value in spread), unit_of[field]))
        table = _table(("index", "smallest", "median", "largest", "unit"), rows, _heading(result))
    else:
        rows = [
            (title + marks[field], _shown(float(_in_unit(result, field, unit)), 6), unit_of[field])
            for field, title, unit in ROWS
        ]
        unit = result.population.unit
        header = ("class", "stable distribution", "reproductive value", f"life expectancy ({unit})", f"its sd ({unit})")
        classes = [
            (name, *(_shown(float(value), 4) for value in line))
            for name, line in zip(result.population.class_names, _by_class(result), strict=True)
        ]
        table = _table(("index", "value", "unit"), rows, _heading(result)) + _table(header, classes, "")
    notes = "".join(f"<li>{html.escape(f'{field}: {note}')}</li>" for field, note in result.notes.items())
    return table + (f"<p>* Notes, by field:</p><ul>{notes}</ul>" if notes else "")


def index_frame(result: popmath.populations.indices.Demography) -> pandas.DataFrame:
    """`Demography.to_dataframe`."""
    import pandas as pd

    values = {field: _in_unit(result, field, unit) for field, _, unit in ROWS}
    if np.ndim(result.growth_rate):
        frame = pd.DataFrame({field: np.ravel(value) for field, value in values.items()})
        frame.index = _models(np.shape(result.growth_rate))
        return frame
    return pd.DataFrame(
        {
            "value": [float(value) for value in values.values()],
            "unit": [unit.format(unit=result.population.unit) for _, _, unit in ROWS],
            "note": [result.notes.get(field, "") for field in values],
        },
        index=pd.Index(list(values), name="index"),
    )


def class_frame(result: popmath.populations.indices.Demography) -> pandas.DataFrame:
    """`Demography.class_table`."""
    import pandas as pd

    names, values = list(result.population.class_names), _by_class(result)
    if values.ndim == 2:
        return pd.DataFrame(values, index=pd.Index(names, name="class"), columns=list(BY_CLASS))
    rows = [(*np.atleast_1d(model), name) for model in _models(values.shape[:-2]) for name in names]
    levels = [*_models(values.shape[:-2]).names, "class"]
    index = pd.MultiIndex.from_tuples(rows, names=levels)
    return pd.DataFrame(values.reshape(-1, len(BY_CLASS)), index=index, columns=list(BY_CLASS))


def one_model(result: popmath.populations.indices.Demography, method: str) -> None:
    """Refuse a batch, for what is made of one population."""
    if np.ndim(result.growth_rate):
        raise ValueError(
            f"{method} describes one population; this is a batch of shape {np.shape(result.growth_rate)}. Take the "
            "fields or to_dataframe(), or call demography on one of them."
        )


def _heading(result: popmath.populations.indices.Demography) -> str:
    model: popmath.populations.matrix_population.MatrixPopulation = result.population
    many = f"{np.size(result.growth_rate)} models of " if np.ndim(result.growth_rate) else ""
    return f"{many}{model.num_classes} classes, projection interval {model.interval:g} {model.unit}"


def _in_unit(result: popmath.populations.indices.Demography, field: str, unit: str) -> np.ndarray:
    interval = result.population.interval
    factor = {"{unit}": interval, "1/{unit}": 1 / interval}.get(unit, 1.0)
    return np.asarray(getattr(result, field) * factor)


def _by_class(result: popmath.populations.indices.Demography) -> np.ndarray:
    """Shape `(*batch, classes, 4)`, in the order of `BY_CLASS`."""
    interval = result.population.interval
    spread = np.sqrt(np.maximum(result.life_expectancy_variance, 0)) * interval
    life = np.asarray(result.life_expectancy) * interval
    return np.stack([result.stable_distribution, result.reproductive_value, life, spread], axis=-1)


def _models(batch: Sequence[int]) -> pandas.Index:
    import pandas as pd

    if len(batch) == 1:
        return pd.RangeIndex(batch[0], name="model")
    axes = [f"axis {i}" for i in range(len(batch))]
    return pd.MultiIndex.from_product([range(length) for length in batch], names=axes)


def _shown(value: float, digits: int) -> str:
    return "-" if np.isnan(value) else f"{value:.{digits}g}"


def _table(header: Iterable[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    top = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return f"<table>{top}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
