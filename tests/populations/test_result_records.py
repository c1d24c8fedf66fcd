"""What each computation of the demography returns is a record of its own kind, frozen."""

import dataclasses

import jax
import numpy as np
import pytest

from popmath import populations as room
from popmath.populations import (
    BranchingExtinction,
    BranchingMoments,
    BranchingSimulation,
    Demography,
    DensityEquilibrium,
    DiffusionFit,
    EigenAnalysis,
    Environments,
    ExtinctionTime,
    FixedLTRE,
    HarvestEquilibrium,
    HarvestLimit,
    QuasiExtinction,
    RandomLTRE,
    StochasticGrowth,
    Structure,
    TransientBounds,
    TransientResponse,
    VitalRateSensitivity,
)

MATRIX = np.array([[0.0, 1.2], [0.5, 0.8]])
YEARS = np.stack([MATRIX, 0.9 * MATRIX])


def beverton_holt(n):
    return [[4.0 / (1 + 0.01 * n[0])]]


def regular_environments():
    with jax.enable_x64(True):
        return room.random_environments(YEARS)


@pytest.mark.parametrize(
    ("record", "compute"),
    [
        (BranchingExtinction, lambda: room.branching_extinction(room.MatrixPopulation([[0.6]], [[0.6]]))),
        (BranchingMoments, lambda: room.branching_moments(room.MatrixPopulation([[0.5]], [[0.5]]), [10], 3)),
        (
            BranchingSimulation,
            lambda: room.simulate_branching(room.MatrixPopulation([[0.5]], [[0.4]]), [7], 2, num_replicates=3),
        ),
        (Demography, lambda: room.demography(room.MatrixPopulation.from_matrix(MATRIX, fertility_rows=[0]))),
        (DensityEquilibrium, lambda: room.density_equilibrium(beverton_holt, [5.0])),
        (DiffusionFit, lambda: room.fit_diffusion([2000, 2001, 2003, 2004], [100, 110, 90, 95])),
        (EigenAnalysis, lambda: room.eigen_analysis(MATRIX)),
        (Environments, regular_environments),
        (ExtinctionTime, lambda: room.extinction_time(0.02, 0.01, abundance=20.0, threshold=10.0)),
        (FixedLTRE, lambda: room.ltre_fixed(YEARS[0], YEARS[1])),
        (HarvestEquilibrium, lambda: room.harvest_equilibrium(beverton_holt, [5.0], rate=0.5)),
        (HarvestLimit, lambda: room.harvest_limit(MATRIX)),
        (QuasiExtinction, lambda: room.quasi_extinction(YEARS, [8.0, 2.0], threshold=1.0, num_steps=4)),
        (RandomLTRE, lambda: room.ltre_random(YEARS)),
        (StochasticGrowth, lambda: room.stochastic_growth_rate(YEARS, seed=1)),
        (Structure, lambda: room.structure_of(MATRIX)),
        (TransientBounds, lambda: room.transient_bounds(MATRIX)),
        (TransientResponse, lambda: room.transient_response(MATRIX, [1, 1])),
        (VitalRateSensitivity, lambda: room.vital_rate_sensitivity(lambda x: [[x["s"]]], {"s": 0.5})),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_record_is_of_its_kind_and_cannot_be_changed(record, compute):
    found = compute()
    assert type(found) is record
    first = found._fields[0] if isinstance(found, tuple) else dataclasses.fields(found)[0].name
    with pytest.raises((AttributeError, dataclasses.FrozenInstanceError)):
        setattr(found, first, None)
