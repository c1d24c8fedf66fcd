"""Stability: closed forms of the two predator-prey models, known maps and flows, critical values, refusals."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from popmath._errors import ConvergenceError
from popmath.populations.allee import AlleePredatorPrey, LogisticPredatorPrey
from popmath.populations.bifurcation import bifurcation_sweep
from popmath.populations.newton_search import fixed_points
from popmath.populations.ricker import Ricker
from popmath.populations.simulation import simulate
from popmath.populations.stability import critical_euler_step, stability_at

RATES = st.floats(0.1, 5.0)


def logistic_map(r):
    return lambda x: r * x * (1 - x)


@settings(max_examples=25)
@given(RATES, RATES)
def test_logistic_prey_in_closed_form(r, a):
    model = LogisticPredatorPrey(growth_rate=r, attack_rate=a)
    place = r / (r + a)
    np.testing.assert_allclose(model.fixed_point, [place, place], rtol=1e-14)
    found = stability_at(model, model.fixed_point)
    assert found.trace == pytest.approx(-(r + a) * place, rel=1e-10)
    assert found.determinant == pytest.approx(a * (r + a) * place**2, rel=1e-10)
    assert found.stable and found.residual < 1e-14
    turns = found.trace**2 < 4 * found.determinant
    assert found.classification == ("stable focus" if turns else "stable node") or abs(r - 3 * a) < 1e-6


@settings(max_examples=25)
@given(RATES, RATES, st.floats(0.02, 0.98))
def test_allee_prey_in_closed_form(r, a, share):
    beta = share * r / a
    model = AlleePredatorPrey(growth_rate=r, attack_rate=a, allee_constant=beta)
    place = (r - a * beta) / (r + a)
    np.testing.assert_allclose(model.fixed_point, [place, place], rtol=1e-12)
    found = stability_at(model, model.fixed_point)
    slower = place / (beta + place)
    assert found.trace == pytest.approx(-(r + a) * place * slower, rel=1e-10)
    assert found.determinant == pytest.approx(a * (r + a) * place**2 * slower, rel=1e-10)
    assert found.stable
    # a focus decays more slowly than the one without the effect: half the trace is its real part
    plain = LogisticPredatorPrey(growth_rate=r, attack_rate=a)
    without = stability_at(plain, plain.fixed_point)
    assert found.trace > without.trace and found.determinant < without.determinant
    if "focus" in found.classification and "focus" in without.classification:
        assert found.leading > without.leading


def test_an_allee_effect_can_speed_up_the_return():
    # where the point without the effect is a node, its slower direction can be slower still
    plain = LogisticPredatorPrey(growth_rate=2.0, attack_rate=0.25)
    allee = AlleePredatorPrey(growth_rate=2.0, attack_rate=0.25, allee_constant=1.0)
    assert stability_at(allee, allee.fixed_point).leading == pytest.approx(-0.3828125, rel=1e-10)
    assert stability_at(plain, plain.fixed_point).leading == pytest.approx(-1 + math.sqrt(1 - 4 / 9), rel=1e-10)


@settings(max_examples=15)
@given(RATES, RATES, st.one_of(st.none(), st.floats(0.05, 0.9)))
def test_critical_euler_step(r, a, share):
    if share is None:
        flow = LogisticPredatorPrey(growth_rate=r, attack_rate=a)
    else:
        flow = AlleePredatorPrey(growth_rate=r, attack_rate=a, allee_constant=share * r / a)
    found = stability_at(flow, flow.fixed_point)
    assume(abs(found.trace**2 / (4 * found.determinant) - 1) > 1e-3)  # there both kinds meet
    step, kind = critical_euler_step(found.trace, found.determinant)
    mu = np.linalg.eigvals(found.jacobian)
    assert np.abs(1 + step * mu).max() == pytest.approx(1, abs=1e-12)
    for h, stable in ((0.999 * step, True), (1.001 * step, False)):
        euler = stability_at(_with_step(flow, h), flow.fixed_point, kind="map")
        assert euler.stable is stable and euler.loss == kind


def _with_step(flow, h):
    if isinstance(flow, LogisticPredatorPrey):
        return LogisticPredatorPrey(growth_rate=flow.growth_rate, attack_rate=flow.attack_rate, interval=h)
    return AlleePredatorPrey(
        growth_rate=flow.growth_rate, attack_rate=flow.attack_rate, allee_constant=flow.allee_constant, interval=h
    )


@pytest.mark.parametrize(("r", "a", "beta"), [(3.0, 2.5, 0.1), (3.0, 0.4, 0.2), (2.0, 1.5, None), (4.0, 0.5, None)])
def test_the_sweep_finds_the_critical_step(r, a, beta):
    rates = {"growth_rate": r, "attack_rate": a} | ({} if beta is None else {"allee_constant": beta})
    kind = LogisticPredatorPrey if beta is None else AlleePredatorPrey
    flow = kind(**rates)
    found = stability_at(flow, flow.fixed_point)
    step, way = critical_euler_step(found.trace, found.determinant)
    sweep = bifurcation_sweep(
        lambda h: kind(**rates, interval=h), np.linspace(0.3 * step, 1.2 * step, 24), flow.fixed_point * 1.01,
        guess=flow.fixed_point, parameter="step", num_steps=400, discard=300,
    )  # fmt: skip
    (critical,) = sweep.critical
    assert critical.value == pytest.approx(step, rel=1e-10) and critical.kind == way and critical.loses
    assert abs(critical.multiplier) == pytest.approx(1, abs=1e-10)
    np.testing.assert_allclose(sweep.fixed_points, np.tile(flow.fixed_point, (24, 1)), rtol=1e-10)
    expected = np.abs(1 + sweep.values[:, None] * np.linalg.eigvals(found.jacobian)).max(axis=1)
    np.testing.assert_allclose(sweep.leading_modulus, expected, rtol=1e-8)
    assert sweep.names == ("prey", "predator") and f"step = {step:.10g}: {way}" in sweep.summary()


def test_both_kinds_of_loss_were_met():
    kinds = {critical_euler_step(*_trace_and_det(r, a))[1] for r, a in ((2.0, 1.5), (4.0, 0.5))}
    assert kinds == {"flip", "Neimark-Sacker"}


def _trace_and_det(r, a):
    place = r / (r + a)
    return -(r + a) * place, a * (r + a) * place**2


def test_the_step_is_an_euler_step():
    model = AlleePredatorPrey(growth_rate=2.0, attack_rate=0.5, allee_constant=0.3, interval=0.05)
    n, p = 0.4, 0.2
    growth = 2.0 * n**2 * (1 - n) / (0.3 + n)
    after = [n + 0.05 * (growth - 0.5 * n * p), p + 0.05 * 0.5 * p * (n - p)]
    run = simulate(model, [n, p], num_steps=4000)
    np.testing.assert_allclose(run.states[1], after, rtol=1e-14)
    np.testing.assert_allclose(run.states[-1], model.fixed_point, rtol=1e-9)
    assert not np.asarray(run.info["negative"]).any() and run.species == ("prey", "predator")
    plain = LogisticPredatorPrey(growth_rate=2.0, attack_rate=0.5, interval=0.05)
    np.testing.assert_allclose(
        simulate(plain, [n, p], num_steps=1).states[1],
        [n + 0.05 * (2.0 * n * (1 - n) - 0.5 * n * p), p + 0.05 * 0.5 * p * (n - p)],
        rtol=1e-14,
    )
    far = LogisticPredatorPrey(growth_rate=2.0, attack_rate=5.0, interval=1.0)
    assert np.asarray(simulate(far, [0.1, 0.9], num_steps=1).info["negative"]).all()


def test_logistic_map_doubles_its_period():
    # negative control: 3, then the two-cycle loses stability at 1 + sqrt 6
    sweep = bifurcation_sweep(logistic_map, np.linspace(2.6, 3.55, 39), [0.3], names=("x",))
    (critical,) = sweep.critical
    assert critical.value == pytest.approx(3, abs=1e-10) and critical.kind == "flip" and critical.loses
    assert critical.point[0] == pytest.approx(2 / 3, abs=1e-10) and critical.multiplier == pytest.approx(-1, abs=1e-10)
    counts = [len(np.unique(states.round(6))) for states in sweep.samples]
    r = sweep.values
    assert {c for c, v in zip(counts, r, strict=True) if v < 2.97} == {1}
    assert {c for c, v in zip(counts, r, strict=True) if 3.05 < v < 1 + math.sqrt(6) - 0.03} == {2}
    assert {c for c, v in zip(counts, r, strict=True) if 1 + math.sqrt(6) + 0.03 < v < 3.54} == {4}
    np.testing.assert_allclose(sweep.leading_modulus, np.abs(2 - r), rtol=1e-9)
    twice = bifurcation_sweep(
        lambda r: lambda x: logistic_map(r)(logistic_map(r)(x)), np.linspace(3.2, 3.5, 8), [0.3], guess=[0.5]
    )
    assert twice.critical[0].value == pytest.approx(1 + math.sqrt(6), abs=1e-9) and twice.critical[0].kind == "flip"


def test_ricker_and_a_whole_number_of_the_grid():
    def build(r):
        return Ricker(("a",), growth_rate=jnp.reshape(r, (1,)), competition=jnp.ones((1, 1)))

    sweep = bifurcation_sweep(build, [1.5, 2.0, 2.5], [0.5], num_steps=300, discard=200)  # 2 itself is on the grid
    (critical,) = sweep.critical
    assert critical.value == pytest.approx(2, abs=1e-10) and critical.kind == "flip"
    np.testing.assert_allclose(sweep.fixed_points[:, 0], sweep.values, rtol=1e-10)
    assert sweep.names == ("a",)


def test_other_ways_through_the_unit_circle():
    # transcritical at 1, seen from the fixed point 0; and a delayed logistic map, Neimark-Sacker at 2
    zero = bifurcation_sweep(logistic_map, np.linspace(0.5, 1.4, 8), [0.1], guess=[0.0])
    assert zero.critical[0].kind == "fold" and zero.critical[0].value == pytest.approx(1, abs=1e-10)
    delayed = bifurcation_sweep(
        lambda a: lambda x: jnp.stack([a * x[0] * (1 - x[1]), x[0]]), np.linspace(1.7, 2.1, 6), [0.3, 0.3]
    )
    assert delayed.critical[0].kind == "Neimark-Sacker" and delayed.critical[0].value == pytest.approx(2, abs=1e-10)
    assert delayed.critical[0].loses and delayed.names == ("state 1", "state 2")
    gains = bifurcation_sweep(lambda r: logistic_map(4 - r), np.linspace(0.7, 1.4, 8), [0.3])
    assert not gains.critical[0].loses and "gains stability" in gains.summary()
    # a map without change
    still = bifurcation_sweep(lambda c: lambda x: 0.5 * x + c, np.linspace(0.0, 1.0, 3), [0.3])
    assert still.critical == () and "no change of stability" in still.summary()


def test_escaping_runs_and_a_branch_that_ends():
    sweep = bifurcation_sweep(logistic_map, np.linspace(3.8, 4.4, 7), [0.3])
    assert sweep.escaped.tolist() == [False] * 3 + [True] * 4 and np.isnan(sweep.samples[-1]).all()
    assert np.isfinite(sweep.fixed_points).all() and "4 of 7 runs" in sweep.summary()
    frame = sweep.to_dataframe()
    assert frame["escaped"].sum() == 4 and frame.index.name == "parameter"
    # x^2 + c loses its fixed points at c = 1/4
    fold = bifurcation_sweep(lambda c: lambda x: x**2 + c, np.linspace(-0.5, 0.5, 11), [0.0])
    assert np.isnan(fold.fixed_points[fold.values > 0.26]).all()
    expected = (1 - np.sqrt(1 - 4 * fold.values[:7])) / 2
    np.testing.assert_allclose(fold.fixed_points[:7, 0], expected, atol=1e-10)


FLOWS = [
    ([[-1.0, 0.0], [0.0, -2.0]], "stable node", True),
    ([[1.0, 0.0], [0.0, 2.0]], "unstable node", False),
    ([[-1.0, 2.0], [-2.0, -1.0]], "stable focus", True),
    ([[1.0, 2.0], [-2.0, 1.0]], "unstable focus", False),
    ([[1.0, 0.0], [0.0, -2.0]], "saddle", False),
    ([[0.0, 1.0], [-1.0, 0.0]], "undecided", None),
    ([[0.0, 0.0], [0.0, -1.0]], "undecided", None),
]


@pytest.mark.parametrize(("matrix", "name", "stable"), FLOWS)
def test_linear_flows_and_maps(matrix, name, stable):
    table = jnp.asarray(np.array(matrix, np.float32))
    found = stability_at(lambda x: jnp.dot(table.astype(x.dtype), x), [0.0, 0.0])
    assert found.classification == name and found.stable is stable
    assert found.trace == pytest.approx(np.trace(matrix)) and found.determinant == pytest.approx(np.linalg.det(matrix))
    assert found.leading == pytest.approx(np.linalg.eigvals(matrix).real.max(), abs=1e-12)
    assert found.loss == ("Hopf" if "focus" in name or matrix[0][1] else "fold")
    # the map exp(A) has the same verdict
    values, vectors = np.linalg.eig(matrix)
    power = (vectors @ np.diag(np.exp(values)) @ np.linalg.inv(vectors)).real
    turned = stability_at(lambda x: jnp.dot(jnp.asarray(power), x), [0.0, 0.0], kind="map")
    assert turned.classification == name and turned.stable is stable
    assert name in turned.summary()


def test_fixed_points_of_the_models():
    model = LogisticPredatorPrey(growth_rate=3.0, attack_rate=1.0, interval=0.2)
    for kind in ("flow", "map"):  # Euler steps rest where the flow does
        found = fixed_points(model, box=[[-0.1, -0.1], [1.5, 1.5]], kind=kind)
        np.testing.assert_allclose(found.points, [[0, 0], [0.75, 0.75], [1, 0]], atol=1e-9)
        assert (found.residuals < 1e-12).all() and found.reached_from.sum() <= 100 and (found.reached_from > 0).all()
    allee = AlleePredatorPrey(growth_rate=3.0, attack_rate=1.0, allee_constant=1.0)
    inside = fixed_points(allee, box=[[0.2, 0.2], [0.9, 0.9]])
    np.testing.assert_allclose(inside.points, [allee.fixed_point], atol=1e-10)
    one = fixed_points(allee, starts=[0.6, 0.4])
    np.testing.assert_allclose(one.points, [allee.fixed_point], atol=1e-10)
    again = fixed_points(model, box=[[-0.1, -0.1], [1.5, 1.5]])
    assert np.array_equal(again.points, fixed_points(model, box=[[-0.1, -0.1], [1.5, 1.5]]).points)
    assert fixed_points(logistic_map(3.0), [[0.1], [0.9], [0.6]], kind="map").points.size == 2


def test_newton_with_steps_that_have_to_be_halved():
    # whole steps for arctan run away from beyond 1.39
    np.testing.assert_allclose(fixed_points(jnp.arctan, starts=[[3.0], [-20.0]]).points, [[0.0]], atol=1e-9)


def test_fixed_points_far_apart_in_size():
    starts = [[-1.0], [4e-4], [1.2e-3], [9e3], [2e4]]
    found = fixed_points(lambda x: (x - 1e-3) * (x - 1e4) * x, starts, tolerance=1e-6)
    np.testing.assert_allclose(found.points.ravel(), [0, 1e-3, 1e4], rtol=1e-9, atol=1e-12)


def test_refusals():
    with pytest.raises(ValueError, match=r"do not coexist: allee_constant 3 must be below .* 3"):
        AlleePredatorPrey(growth_rate=3.0, attack_rate=1.0, allee_constant=3.0).fixed_point  # noqa: B018
    with pytest.raises(ValueError, match="growth_rate must be positive and finite; got -1"):
        LogisticPredatorPrey(growth_rate=-1.0, attack_rate=1.0)
    with pytest.raises(ValueError, match="interval must be positive"):
        LogisticPredatorPrey(growth_rate=1.0, attack_rate=1.0, interval=0.0)
    with pytest.raises(ValueError, match="allee_constant must be positive"):
        AlleePredatorPrey(growth_rate=1.0, attack_rate=1.0, allee_constant=math.nan)
    with pytest.raises(ValueError, match="two names"):
        LogisticPredatorPrey(("a",), growth_rate=1.0, attack_rate=1.0)
    with pytest.raises(ValueError, match="no fixed point of this flow"):
        stability_at(lambda x: x - 1, [0.0])
    with pytest.raises(ValueError, match="no fixed point of this map"):
        stability_at(lambda x: x + 1, [0.0], kind="map")
    with pytest.raises(ValueError, match="no finite derivative"):
        stability_at(lambda x: jnp.sqrt(x), [0.0])
    with pytest.raises(ValueError, match="point must be finite"):
        stability_at(lambda x: x, [math.nan])
    with pytest.raises(ValueError, match="shape of its state"):
        stability_at(lambda x: x[0], [0.0, 0.0])
    with pytest.raises(TypeError, match="has no rate"):
        stability_at(Ricker(("a",), [1.0], [[1.0]]), [1.0])
    with pytest.raises(ValueError, match="exactly one of starts"):
        fixed_points(lambda x: x)
    with pytest.raises(ValueError, match="lower and an upper corner"):
        fixed_points(lambda x: x, box=[[1.0], [0.0]])
    with pytest.raises(ValueError, match="starts must be finite"):
        fixed_points(lambda x: x, starts=[[math.inf]])
    with pytest.raises(ConvergenceError, match="no fixed point from these starts"):
        fixed_points(lambda x: x**2 + 1, starts=[[0.3], [2.0]])
    with pytest.raises(ConvergenceError, match="inside the box"):
        fixed_points(lambda x: x - 5, box=[[0.0], [1.0]])
    with pytest.raises(ValueError, match="flow must be stable"):
        critical_euler_step(1.0, 2.0)
    with pytest.raises(ValueError, match="flow must be stable"):
        critical_euler_step(-1.0, -2.0)
    with pytest.raises(ValueError, match="finite and rising"):
        bifurcation_sweep(logistic_map, [2.0, 1.0], [0.3])
    with pytest.raises(ValueError, match="discard must be below"):
        bifurcation_sweep(logistic_map, [2.0, 3.0], [0.3], num_steps=10, discard=10)
    with pytest.raises(ValueError, match="initial must be finite"):
        bifurcation_sweep(logistic_map, [2.0, 3.0], [math.nan])
    with pytest.raises(ValueError, match="names must be one per state"):
        bifurcation_sweep(logistic_map, [2.0, 3.0], [0.3], names=("a", "b"))
    with pytest.raises(TypeError, match="JAX number"):
        bifurcation_sweep(lambda r: logistic_map(float(r)), [2.0, 3.0], [0.3])
    with pytest.raises(ConvergenceError, match="no fixed point was found at parameter = 1"):
        bifurcation_sweep(lambda c: lambda x: x**2 + c, [1.0, 2.0], [0.0])
