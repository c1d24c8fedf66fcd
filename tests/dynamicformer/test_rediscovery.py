"""Action, constants and polynomials of the large-genus expansion from numbers alone; and none from noise."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popmath._errors import UnableError
from popmath.dynamicformer.encoding import log_double_factorials
from popmath.dynamicformer.interpret.expansion_law import GrowthLaw, Series, recover_law, series_of
from popmath.dynamicformer.interpret.expansion_recovery import (
    RecoveredExpansion,
    library_weight,
    multiplicities,
    numbers_needed,
    recover_expansion,
)
from popmath.dynamicformer.interpret.expansion_regression import RegressedExpansion, recover_by_regression
from popmath.dynamicformer.interpret.extrapolation import leading_coefficient
from popmath.dynamicformer.interpret.rationals import (
    PI,
    PI_DIGITS,
    CommonReconstruction,
    Reconstruction,
    reconstruct,
    reconstruct_common,
    reconstruct_with_pi,
    simplest_between,
)
from popmath.dynamicformer.interpret.sparse_polynomials import (
    RecoveredPolynomial,
    fit_polynomial,
    monomial,
    monomials_up_to,
    small_degrees,
)
from popmath.dynamicformer.samples import exact_samples
from popmath.intersections import correlator, theta_correlator
from popmath.intersections.alpha_polynomials import alpha

fractions = st.fractions(min_value=-20, max_value=20, max_denominator=200)


def of_curves(genus, num_points):
    return 3 * genus - 3 + num_points


def of_theta(genus, num_points):
    return genus - 1


@pytest.fixture(scope="module")
def psi():
    return {(g, d): correlator(g, d, method="dvv") for g, d in numbers_needed(3, range(20, 36), of_curves)}


@pytest.fixture(scope="module")
def theta():
    needed = numbers_needed(4, range(18, 42), of_theta, max_weight=4)
    return {(g, d): theta_correlator(g, d) for g, d in needed}


@pytest.fixture(scope="module")
def samples():
    return exact_samples(25, range(7, 11), 7)


def plain_logs(samples):
    return samples.log_scaled - log_double_factorials(samples.requests)


class TestRationals:
    @given(fractions, st.integers(6, 12))
    def test_a_rational_is_found_in_a_narrow_interval(self, exact, digits):
        error = Fraction(1, 10**digits)
        found = reconstruct(exact + error / 3, error)
        q = exact.denominator
        assert isinstance(found, Reconstruction)
        if error * q * (q + 1) <= Fraction(1, 1000):
            assert found.rational == exact and found.chance <= 1e-3
        elif found.rational is not None:
            assert found.rational.denominator <= q

    @given(fractions, fractions)
    def test_nothing_simpler_lies_between(self, one, two):
        low, high = sorted((one, two))
        found = simplest_between(low, high)
        assert low <= found <= high
        q = found.denominator
        assert all(math.floor(high * b) < math.ceil(low * b) for b in range(1, min(q, 400)))

    def test_noise_has_no_rational_more_often_than_the_chance_says(self):
        rng = random.Random(0)
        finds = sum(reconstruct(rng.uniform(-3, 3), 10 ** -rng.uniform(1, 9)).rational is not None for _ in range(4000))
        assert finds <= 4 + 4 * 2  # 4 expected at most, with 4 standard deviations

    def test_noise_has_no_common_denominator(self):
        rng = random.Random(1)
        finds = 0
        for _ in range(2000):
            values = [rng.uniform(-3, 3) for _ in range(3)]
            finds += reconstruct_common(values, [10 ** -rng.uniform(1, 5) for _ in values]).rationals is not None
        assert finds <= 2 + 4 * 1.5

    @given(st.lists(st.integers(-500, 500), min_size=1, max_size=6), st.integers(1, 300))
    def test_a_common_denominator_is_found(self, tops, bottom):
        exact = tuple(Fraction(top, bottom) for top in tops)
        found = reconstruct_common([float(each) for each in exact], [1e-9] * len(exact))
        assert isinstance(found, CommonReconstruction)
        assert found.rationals == exact and bottom % found.denominator == 0

    def test_one_wide_interval_is_not_determined_by_narrow_ones(self):
        assert reconstruct_common([0.25, 0.5, 1.1], [1e-9, 1e-9, 0.2]).rationals is None

    @given(st.fractions(Fraction(1, 30), 30, max_denominator=30), st.integers(-2, 2))
    def test_powers_of_pi_are_told_apart(self, exact, power):
        found, at = reconstruct_with_pi(exact * PI**power, Fraction(1, 10**12))
        assert (found.rational, at) == (exact, power)
        assert reconstruct_with_pi(float(exact) * math.pi**power * math.sqrt(2), 1e-9)[1] is None

    def test_pi(self):
        assert float(PI) == math.pi and PI.denominator <= 10**PI_DIGITS

    def test_unknown_numbers(self):
        assert reconstruct(math.nan, 1.0).rational is None
        assert reconstruct_common([0.5, math.inf], [1e-9, 1e-9]).rationals is None

    def test_bad_questions(self):
        with pytest.raises(ValueError, match="must not be above"):
            simplest_between(Fraction(1), Fraction(0))
        with pytest.raises(ValueError, match="at least 0"):
            reconstruct(0.5, -1e-3)
        with pytest.raises(ValueError, match="chance"):
            reconstruct(0.5, 1e-3, chance=2.0)
        with pytest.raises(ValueError, match="as many"):
            reconstruct_common([0.5], [0.1, 0.1])


class TestPieces:
    def test_errors_of_extrapolation_hold_and_it_knows_rounding(self):
        x = range(20, 40)
        exact = [Fraction(7, 3) + sum(Fraction(math.factorial(k), math.perm(n, k)) for k in range(1, 15)) for n in x]
        value, error = leading_coefficient(x, exact, [Fraction(0)] * 20, 0)
        assert abs(value - Fraction(7, 3)) <= error < 1e-9
        rough = [Fraction(round(y * 10**6), 10**6) for y in exact]
        value, error = leading_coefficient(x, rough, [Fraction(1, 2 * 10**6)] * 20, 0)
        assert abs(value - Fraction(7, 3)) <= error and 1e-6 < error < 0.5

    def test_bad_values_for_extrapolation(self):
        with pytest.raises(ValueError, match="as many"):
            leading_coefficient(range(10, 20), [Fraction(1)] * 9, [Fraction(0)] * 10, 0)
        with pytest.raises(ValueError, match="ascend"):
            leading_coefficient([9] * 8, [Fraction(1)] * 8, [Fraction(0)] * 8, 0)
        with pytest.raises(ValueError, match="more and larger genera"):
            leading_coefficient(range(10, 13), [Fraction(1)] * 3, [Fraction(0)] * 3, 0)
        with pytest.raises(ValueError, match="larger genera"):
            leading_coefficient(range(2, 12), [Fraction(1)] * 10, [Fraction(0)] * 10, 3)

    @pytest.mark.parametrize("weight", [2, 5, 8])
    def test_the_library_is_every_monomial_of_the_weight(self, weight):
        library = monomials_up_to(weight)
        partitions = [1, 1, 2, 3, 5, 7, 11, 15, 22]
        assert len(set(library)) == len(library) == sum(partitions[: weight + 1])
        assert all(sum((j + 1) * e for j, e in enumerate(each)) <= weight for each in library)
        assert all(multiplicities(small_degrees(each)) == each for each in library)

    @settings(max_examples=10, deadline=None)
    @given(st.dictionaries(st.sampled_from(monomials_up_to(4)), st.fractions(-9, 9, max_denominator=8), max_size=5))
    def test_a_planted_polynomial_is_found(self, planted):
        planted = {e: c for e, c in planted.items() if c}
        rng = random.Random(2)
        values = {}
        for at in monomials_up_to(6):
            error = Fraction(1, 10**8)
            noise = error * rng.randint(-100, 100) / 100
            values[at] = sum((c * monomial(e, at) for e, c in planted.items()), noise), error
        found = fit_polynomial(2, values, monomials_up_to(4))
        assert isinstance(found, RecoveredPolynomial)
        assert found.rational == planted
        assert found.value((2, 1)) == sum(c * monomial(e, (2, 1)) for e, c in planted.items())

    def test_values_of_no_polynomial_have_none(self):
        rng = random.Random(3)
        values = {at: (Fraction(rng.randint(-999, 999), 100), Fraction(1, 10**8)) for at in monomials_up_to(6)}
        assert fit_polynomial(1, values, monomials_up_to(4)).rational is None

    def test_too_few_values(self):
        values = {at: (Fraction(1), Fraction(0)) for at in monomials_up_to(3)}
        with pytest.raises(ValueError, match="more than 12 values"):
            fit_polynomial(1, values, monomials_up_to(4))
        same = {(0, 0, k): (Fraction(1), Fraction(0)) for k in range(1, 20)}
        with pytest.raises(ValueError, match="tell the monomials apart"):
            fit_polynomial(1, same, monomials_up_to(2))


def planted_numbers(action, per_point, constant, polynomials, order, genera):
    """Numbers of a made-up theory with degrees of sum g + n and three orders exactly."""
    numbers = {}
    for genus, degrees in numbers_needed(order, genera, lambda g, n: g + n):
        x, bracket = 2 * genus - 3 + len(degrees), Fraction(1)
        for k, terms in enumerate(polynomials, start=1):
            value = sum(c * monomial(e, multiplicities(degrees)) for e, c in terms.items())
            bracket += action**k * value / math.perm(x, k)
        scale = math.prod(math.prod(range(1, 2 * d + 2, 2)) for d in degrees)
        number = constant * per_point ** len(degrees) * math.factorial(x) / action ** (x + 1) * bracket
        numbers[genus, degrees] = number / scale
    return numbers


class TestExactNumbers:
    @pytest.mark.parametrize(
        ("action", "per_point", "constant", "pi_power"),
        [(Fraction(5, 7), Fraction(3), Fraction(2, 5), 1), (Fraction(3, 2), Fraction(1, 2), Fraction(7), 0)],
    )
    def test_a_planted_expansion_is_found(self, action, per_point, constant, pi_power):
        planted = [
            {(): Fraction(3, 8), (0, 1): Fraction(-2, 7)},
            {(): Fraction(11, 12), (1,): Fraction(1, 5), (1, 0, 1): Fraction(4)},
            {(): Fraction(-5), (3,): Fraction(1, 9)},
        ]
        numbers = planted_numbers(action, per_point, constant * PI**pi_power, planted, 2, range(16, 34))
        found = recover_expansion(numbers, 2)
        assert isinstance(found, RecoveredExpansion) and isinstance(found.law, GrowthLaw)
        assert [polynomial.rational for polynomial in found.polynomials] == planted[:2]
        assert (found.law.action.rational, found.law.per_point.rational) == (action, per_point)
        assert (found.law.constant.rational, found.law.pi_power) == (constant, pi_power)

    def test_psi_numbers_give_the_action_and_three_polynomials(self, psi):
        found = recover_expansion(psi, 3)
        assert found.law.action.rational == Fraction(2, 3)
        assert abs(found.law.action.value - 2 / 3) < 1e-8 and found.law.action.error < 1e-8
        assert (found.law.constant.rational, found.law.pi_power) == (Fraction(1, 4), -1)
        assert found.exact_orders == 3
        assert found.polynomials[0].rational == {(): Fraction(-17, 12), (1,): Fraction(5, 4), (2,): Fraction(-1, 4)}
        for polynomial in found.polynomials:
            for at in monomials_up_to(10):
                assert polynomial.value(at) == alpha(polynomial.order, dict(enumerate(at)))
        assert "alpha_1 = (-17 +15 p0 -3 p0^2) / 12" in found.summary()

    def test_floats_are_enough_for_the_first_order(self, psi):
        found = recover_expansion({key: float(number) for key, number in psi.items()}, 2, digits=15)
        assert found.law.action.rational == Fraction(2, 3) and found.law.action.error < 1e-6
        assert found.polynomials[0].rational == recover_expansion(psi, 1).polynomials[0].rational

    def test_few_digits_give_no_polynomial(self, psi):
        rough = {key: Fraction(float(f"{float(number):.5e}")) for key, number in psi.items()}
        found = recover_expansion(rough, 2, digits=6)
        assert found.exact_orders == 0

    def test_shuffled_numbers_give_none(self, psi):
        keys, values = list(psi), list(psi.values())
        found = recover_expansion(dict(zip(keys, random.Random(4).sample(values, len(keys)), strict=True)), 1)
        assert found.law.exact() is None and not found.polynomials
        assert found.summary().startswith("no law")
        with pytest.raises(ValueError, match="there must be a law"):
            found.value(30, (88,), 0)

    def test_numbers_shuffled_within_their_type_give_no_polynomial(self, psi):
        rng, by_type, within = random.Random(5), {}, {}
        for genus, degrees in psi:
            by_type.setdefault((genus, len(degrees)), []).append((genus, degrees))
        for keys in by_type.values():
            within |= dict(zip(keys, (psi[key] for key in rng.sample(keys, len(keys))), strict=True))
        assert recover_expansion(within, 1).exact_orders == 0

    def test_theta_numbers_give_a_law_that_holds_at_other_genera(self, theta):
        found = recover_expansion(theta, 4, max_weight=4)
        assert found.law.summary() == "1/2 pi^-1 2^n Gamma(2g - 2 + n) (2)^-(2g - 2 + n)"
        assert found.exact_orders == 4
        assert found.polynomials[0].rational == {(): Fraction(-1, 4)}
        assert found.polynomials[1].rational == {(): Fraction(9, 32), (1,): Fraction(-1, 8)}
        for small in ((), (0, 0), (1,), (2, 3)):
            errors = []
            for genus in (46, 60):
                degrees = (*small, genus - 1 - sum(small))
                exact = theta_correlator(genus, degrees)
                errors.append([abs(float(found.value(genus, degrees, k) / exact - 1)) for k in range(5)])
            falls = [math.log(low / high) / math.log(60 / 46) for low, high in zip(*errors, strict=True)]
            assert errors[1] == sorted(errors[1], reverse=True) and errors[1][4] < 2e-8
            assert all(k + 0.8 < fall < k + 2.2 for k, fall in enumerate(falls))

    def test_other_double_factorials_give_no_law(self, psi):
        other = {(g, d): number * math.prod(2 * each + 1 for each in d[:-1]) for (g, d), number in psi.items()}
        found = recover_law(series_of(other))
        assert found.action.rational == Fraction(2, 3) and found.per_point.rational is None and found.exact() is None

    def test_series(self, psi):
        series = series_of(psi)
        assert isinstance(series[()], Series) and list(series)[0] == ()
        assert series[(0, 2)].x == tuple(range(40, 72, 2))
        assert series[()].values[0] == psi[20, (58,)] * math.prod(range(1, 118, 2))

    def test_bad_numbers(self, psi):
        few = {(g, d): number for (g, d), number in psi.items() if g < 25}
        with pytest.raises(ValueError, match="at least 6 consecutive genera"):
            recover_expansion(few, 1)
        with pytest.raises(ValueError, match="consecutive"):
            recover_expansion({key: number for key, number in psi.items() if key[0] != 27}, 1)
        with pytest.raises(ValueError, match="must be positive"):
            recover_expansion(psi | {(20, (58,)): Fraction(-1)}, 1)
        with pytest.raises(ValueError, match="needs numbers for more choices"):
            recover_expansion({(g, d): number for (g, d), number in psi.items() if len(d) < 3}, 2)
        with pytest.raises(ValueError, match="ascend"):
            series_of({(2, (3, 2)): Fraction(29, 5760)})
        with pytest.raises(ValueError, match="one-point numbers"):
            series_of({(2, (2, 3)): Fraction(29, 5760)})
        with pytest.raises(UnableError, match="Gamma"):
            recover_expansion({(g, d): number * math.factorial(g) for (g, d), number in psi.items()}, 1)
        with pytest.raises(ValueError, match="order must be 1"):
            recover_expansion(psi, 0)
        with pytest.raises(ValueError, match="order must be 1"):
            numbers_needed(0, range(20, 30), of_curves)
        with pytest.raises(ValueError, match="too small"):
            numbers_needed(2, range(3, 12), of_theta)
        assert library_weight(3) == 8 and library_weight(3, 6) == 6


class TestRoughNumbers:
    def test_exact_logarithms_give_the_law_within_the_errors(self, samples):
        found = recover_by_regression(samples.requests, plain_logs(samples), 1, resamples=60)
        assert isinstance(found, RegressedExpansion)
        assert abs(found.action.value - 2 / 3) < found.action.error < 5e-4
        assert abs(found.per_point.value - 2) < found.per_point.error < 1e-3
        assert abs(found.constant.value - 1 / (4 * math.pi)) < found.constant.error
        exact = {(): -17 / 12, (1,): 5 / 4, (2,): -1 / 4}
        assert set(found.polynomials[0].estimates) == set(exact)
        for exponents, (value, error) in found.polynomials[0].estimates.items():
            assert abs(value - exact[exponents]) < error

    def test_a_predictor_is_asked_and_noise_widens_the_errors(self, samples):
        noise = np.random.default_rng(0).normal(scale=0.02, size=len(samples.log_scaled))
        calm = recover_by_regression(samples.requests, lambda requests: plain_logs(samples), 1, resamples=30)
        rough = recover_by_regression(samples.requests, plain_logs(samples) + noise, 1, resamples=30)
        assert rough.action.error > 3 * calm.action.error and rough.action.rational is None
        assert abs(rough.action.value - 2 / 3) < rough.action.error
        assert not rough.determined[0][0]

    def test_shuffled_logarithms_give_none(self, samples):
        shuffled = np.random.default_rng(1).permutation(plain_logs(samples))
        found = recover_by_regression(samples.requests, shuffled, 1, resamples=30)
        assert found.action.rational is None and found.pi_power is None and not found.polynomials

    def test_bad_numbers(self, samples):
        logs, requests = plain_logs(samples), samples.requests
        with pytest.raises(ValueError, match="one number per request"):
            recover_by_regression(requests, logs[1:], 1)
        with pytest.raises(ValueError, match="must be positive"):
            recover_by_regression(requests, np.where(np.arange(len(logs)) == 3, -np.inf, logs), 1)
        with pytest.raises(ValueError, match="need 490 requests"):
            recover_by_regression(requests.take(slice(300)), logs[:300], 1)
        with pytest.raises(ValueError, match="max_terms"):
            recover_by_regression(requests, logs, 2, max_terms=2)
        few = np.flatnonzero(requests.times(0) == 0)
        few = few[requests.num_points[few] == 5]
        with pytest.raises(ValueError, match="types"):
            recover_by_regression(requests.take(few), logs[few], 1)
