"""Community files: a `Scenario` as TOML, read and written."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from popmath._errors import DataError
from popmath._types import Array
from popmath.populations.community import Community
from popmath.populations.community_noise import EnvironmentalNoise
from popmath.populations.interactions import SIGNS, Interaction, LinearEffect, MassAction, Regulation
from popmath.populations.matrix_population import MatrixPopulation
from popmath.populations.scenario import Scenario

_TOP = (
    "title note num_steps num_replicates seed extinct_below demographic_noise mode interval unit year_probabilities "
    "species interaction environment"
).split()
_SPECIES = "growth_factor survival fertility clonal classes initial harvest quota migration".split()
_INTERACTIONS = {
    "regulation": (("on", "weights"), ("form", "acts_on", "theta")),
    "mass_action": (
        ("prey", "predator", "attack", "conversion"),
        ("response", "handling_time", "offspring_class"),
    ),
    **{kind: (("on", "of", "block"), ()) for kind in SIGNS},
}


def read_scenario(path: str | Path) -> Scenario:
    r"""Read a community file.

    A TOML file with these tables (only `num_steps` and one species are required):

    * at the top: `title`, `note`, `num_steps`, `num_replicates`, `seed`, `extinct_below`, `demographic_noise`, `mode`,
      `interval`, `unit`, `year_probabilities`;
    * `[species.NAME]`: either `growth_factor`, or `survival`, `fertility` and if wanted `clonal` as matrices (a list of
      rows; a list of such matrices for several years) and `classes`, their names; `initial` abundances; `harvest`,
      `quota`, `migration`;
    * `[[interaction]]`: `type` is `"regulation"` (`on`, `weights`, `form`, `acts_on`, `theta`), `"mass_action"`
      (`prey`, `predator`, `attack`, `conversion`, `response`, `handling_time`, `offspring_class`) or a linear effect:
      `"competition"`, `"predation"`, `"conversion"`, `"facilitation"` (`on`, `of`, `block`);
    * `[environment]`: `sd` by species, `correlation`, `acts_on`.

    Their meaning is that of the arguments of `Community`, `Regulation`, `MassAction`, `LinearEffect`,
    `EnvironmentalNoise` and `Scenario`.

    Args:
        path: the file.

    Raises:
        DataError: if it is no TOML, has unknown or missing entries, or numbers that the records refuse; the message
            names the entry.

    Example:
        >>> import tempfile
        >>> text = '''num_steps = 40
        ... [species.hare]
        ... growth_factor = 2.0
        ... initial = 10
        ... [[interaction]]
        ... type = "regulation"
        ... on = "hare"
        ... weights = { hare = 0.01 }'''
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "hare.toml"
        ...     _ = file.write_text(text)
        ...     scenario = read_scenario(file)
        >>> scenario.run().abundances[-1].round(6).tolist()
        [100.0]
    """
    path = Path(path)
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} is no TOML file: {error}.") from error
    try:
        return _scenario(given)
    except (ValueError, TypeError) as error:
        raise DataError(f"{path.name}: {error}") from error


def write_scenario(scenario: Scenario, path: str | Path) -> Path:
    """Write a scenario as a community file that `read_scenario` reads back to the same numbers.

    Args:
        scenario: what to write.
        path: the file; it is replaced if it is there.

    Example:
        >>> import tempfile, popmath as pm
        >>> scenario = Scenario(pm.Community({"hare": 2.0}), [1.0], num_steps=3)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     read_scenario(write_scenario(scenario, Path(folder) / "hare.toml")).run().abundances[-1].tolist()
        [8.0]
    """
    path = Path(path)
    path.write_text(tomli_w.dumps(_record(scenario)), encoding="utf-8")
    return path


def _scenario(given: Mapping[str, Any]) -> Scenario:
    _check("at the top", given, ("num_steps", "species"), _TOP)
    species = given["species"]
    if not isinstance(species, dict) or not species:
        raise ValueError("species must be tables by name: [species.hare] with its rates and its initial abundance.")
    for name, table in species.items():
        if not isinstance(table, dict):
            raise ValueError(f"species.{name} must be a table: [species.{name}].")
        _check(f"in [species.{name}]", table, ("initial",), _SPECIES)
    community = Community(
        {name: _population(name, table, given) for name, table in species.items()},
        [_interaction(i, table) for i, table in enumerate(given.get("interaction", []), start=1)],
        environment=_environment(given.get("environment")),
        year_probabilities=given.get("year_probabilities"),
        demographic_noise=given.get("demographic_noise", False),
        harvest={n: t["harvest"] for n, t in species.items() if "harvest" in t},
        quota={n: t["quota"] for n, t in species.items() if "quota" in t},
        migration={n: t["migration"] for n, t in species.items() if "migration" in t},
        mode=given.get("mode", "clipped"),
        interval=given.get("interval"),
        unit=given.get("unit"),
    )
    names = ("num_steps", "num_replicates", "seed", "extinct_below", "title", "note")
    settings = {name: given[name] for name in names if name in given}
    return Scenario(community, community.state({n: t["initial"] for n, t in species.items()}), **settings)


def _population(name: str, table: Mapping[str, Any], top: Mapping[str, Any]) -> MatrixPopulation | float:
    if "growth_factor" in table:
        both = [key for key in ("survival", "fertility", "clonal", "classes") if key in table]
        if both:
            raise ValueError(f"[species.{name}] has growth_factor, for a species without classes, and {both[0]}.")
        return table["growth_factor"]
    _check(f"in [species.{name}]", table, ("survival", "fertility"), _SPECIES)
    return MatrixPopulation(
        table["survival"],
        table["fertility"],
        table.get("clonal"),
        names=table.get("classes"),
        interval=top.get("interval", 1.0),
        unit=top.get("unit", "intervals"),
    )


def _interaction(number: int, table: Mapping[str, Any]) -> Interaction:
    kind = table.get("type")
    if kind not in _INTERACTIONS:
        raise ValueError(f"interaction {number} needs a type, one of {', '.join(_INTERACTIONS)}; got {kind!r}.")
    required, optional = _INTERACTIONS[kind]
    _check(f"in interaction {number} ({kind})", table, required, ("type", *required, *optional))
    values = {key: value for key, value in table.items() if key != "type"}
    if kind == "regulation":
        return Regulation(**values)
    return MassAction(**values) if kind == "mass_action" else LinearEffect(kind, **values)


def _environment(table: Mapping[str, Any] | None) -> EnvironmentalNoise | None:
    if table is None:
        return None
    _check("in [environment]", table, ("sd",), ("sd", "correlation", "acts_on"))
    return EnvironmentalNoise(**table)


def _check(where: str, table: Mapping[str, Any], required: Collection[str], known: Collection[str]) -> None:
    missing = [key for key in required if key not in table]
    if missing:
        raise ValueError(f"{', '.join(missing)} is missing {where}.")
    unknown = [key for key in table if key not in known]
    if unknown:
        raise ValueError(f"unknown entry {unknown[0]!r} {where}; known are {', '.join(known)}.")


def _record(scenario: Scenario) -> dict[str, Any]:
    community = scenario.community
    record: dict[str, Any] = {key: value for key in ("title", "note") if (value := getattr(scenario, key))}
    record |= {"num_steps": scenario.num_steps, "seed": scenario.seed, "extinct_below": scenario.extinct_below}
    if scenario.num_replicates is not None:
        record["num_replicates"] = scenario.num_replicates
    record |= {"interval": community.interval, "unit": community.unit, "mode": community.mode}
    record["demographic_noise"] = community.demographic_noise
    if community.year_probabilities is not None:
        record["year_probabilities"] = _plain(community.year_probabilities)
    starts = community.by_species(np.asarray(scenario.initial))
    record["species"] = {}
    for name, population in zip(community.species, community.populations, strict=True):
        parts = {"survival": population.U, "fertility": population.F, "clonal": population.C}
        table = {key: _plain(value) for key, value in parts.items() if value is not None}
        table |= {"classes": list(population.class_names), "initial": _plain(starts[name])}
        for key in ("harvest", "quota", "migration"):
            if name in getattr(community, key):
                table[key] = _plain(getattr(community, key)[name])
        record["species"][name] = table
    record["interaction"] = [_interaction_record(item) for item in community.interactions]
    noise = community.environment
    if noise is not None:
        correlation = np.asarray(noise.root) @ np.asarray(noise.root).T
        sd = {name: _plain(value) for name, value in noise.sd.items()}
        record["environment"] = {"sd": sd, "correlation": _plain(correlation), "acts_on": noise.acts_on}
    return record


def _interaction_record(item: Interaction) -> dict[str, Any]:
    if isinstance(item, LinearEffect):
        return {"type": item.kind, "on": item.on, "of": item.of, "block": _plain(item.block)}
    if isinstance(item, Regulation):
        weights = {name: _plain(values) for name, values in item.weights.items()}
        record = {"type": "regulation", "on": item.on, "weights": weights, "form": item.form, "acts_on": item.acts_on}
        return record if item.theta is None else record | {"theta": float(item.theta)}
    record = {"type": "mass_action", "prey": item.prey, "predator": item.predator, "response": item.response}
    record |= {key: _plain(getattr(item, key)) for key in ("attack", "conversion", "handling_time")}
    return record if item.offspring_class is None else record | {"offspring_class": item.offspring_class}


def _plain(values: Array) -> Any:
    return np.asarray(values, np.float64).tolist()
