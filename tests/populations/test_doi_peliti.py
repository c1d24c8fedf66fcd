"""Doi-Peliti dynamics: the generator by hand, conservation, closed forms, moments, a simulation that shares no code."""

import itertools

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from popmath._errors import UnableError
from popmath.populations.age_rates import AgeRates, Predation, generator_matrix
from popmath.populations.doi_peliti import DoiPeliti
from popmath.populations.fock_space import FockSpace

TWO = AgeRates([0.5], death=[0.1, 0.4], birth=[0.0, 0.3])
THREE = AgeRates([0.9, 0.6], death=[0.2, 0.3, 0.7], birth=[0.0, 0.35, 0.2])
HUNT = {
    "prey": AgeRates([0.5], death=[0.1, 0.3], birth=[0.0, 0.25]),
    "predator": AgeRates([0.4], death=[0.2, 0.3], birth=[0.0, 0.1]),
}
EATS = Predation("prey", "predator", [[0.2, 0.35], [0.05, 0.15]])
rate = st.floats(0.0, 2.0)


def events(model):
    """Every transition written down from the reactions: (from, to or None, rate)."""
    firsts, first = {}, 0
    for name, rates in model.species.items():
        firsts[name], first = first, first + rates.num_classes
    place = {tuple(state): i for i, state in enumerate(model.space.states.tolist())}

    def moved(state, change):
        after = list(state)
        for which, by in change:
            after[which] += by
        return place.get(tuple(after))

    for state, i in place.items():
        for name, rates in model.species.items():
            at = firsts[name]
            for k in range(rates.num_classes):
                n = state[at + k]
                if k + 1 < rates.num_classes and n:
                    yield i, moved(state, [(at + k, -1), (at + k + 1, 1)]), n * rates.ageing[k]
                if n:
                    yield i, moved(state, [(at + k, -1)]), n * rates.death[k]
                    yield i, moved(state, [(at, 1)]), n * rates.birth[k]
        for event in model.predation:
            for (a, b), beta in np.ndenumerate(event.rates):
                x, y = firsts[event.prey] + a, firsts[event.predator] + b
                if state[x]:
                    yield i, moved(state, [(x, -1)]), beta * state[x] * state[y]


def by_hand(model):
    found = np.zeros((model.space.size, model.space.size))
    for source, to, speed in events(model):
        found[source, source] -= speed
        if to is not None:
            found[to, source] += speed
    return found


@settings(max_examples=25)
@given(data=st.data(), m=st.integers(1, 3))
def test_generator_against_the_reactions(data, m):
    def draw(n):
        return data.draw(st.lists(rate, min_size=n, max_size=n))

    species = {"x": AgeRates(draw(m - 1), death=draw(m), birth=draw(m))}
    species["y"] = AgeRates(draw(1), death=draw(2), birth=draw(2))
    meals = Predation("x", "y", np.array(draw(2 * m)).reshape(m, 2))
    model = DoiPeliti(species, {"x": 3, "y": 2}, predation=[meals])
    np.testing.assert_allclose(model.generator.toarray(), by_hand(model), atol=1e-12)
    np.testing.assert_array_equal(model.generator.toarray(), -model.hamiltonian.toarray())
    # probability leaks at the cut-off, by births and nothing else
    full = model.space.totals == np.array([3, 2])
    births = np.stack([model.space.states[:, :m] @ species["x"].birth, model.space.states[:, m:] @ species["y"].birth])
    np.testing.assert_allclose(model.generator.sum(axis=0), -(births.T * full).sum(axis=1), atol=1e-12)


@settings(max_examples=15)
@given(data=st.data(), m=st.sampled_from([2, 3]))
def test_means_are_those_of_the_generator_matrix(data, m):
    def draw(n, top):
        return data.draw(st.lists(st.floats(0.0, top), min_size=n, max_size=n))

    rates = AgeRates(draw(m - 1, 1.0), death=draw(m, 1.0), birth=draw(m, 0.12))
    model = DoiPeliti(rates, max_number=34 if m == 2 else 22)
    start = np.array(data.draw(st.lists(st.integers(0, 2), min_size=m, max_size=m)))
    found = model.evolve(start, [0.0, 0.4, 0.8], tolerance=1e-11)
    G = generator_matrix(rates)
    by_rows = np.zeros((m, m))
    for k in range(m):
        by_rows[k, k] -= rates.death[k] + (rates.ageing[k] if k < m - 1 else 0)
        by_rows[0, k] += rates.birth[k]
        if k < m - 1:
            by_rows[k + 1, k] += rates.ageing[k]
    np.testing.assert_allclose(G, by_rows, atol=1e-15)
    for t, mean, closed in zip(found.times, found.means, found.expected, strict=True):
        exact = scipy.linalg.expm(by_rows * t) @ start
        np.testing.assert_allclose(mean, exact, atol=1e-10 * max(1, start.sum()))
        np.testing.assert_allclose(closed, exact, atol=1e-12)
    # the means of one instant, without any evolution: the sum over states of n dP/dt, below the cut-off
    below = (model.space.totals < model.space.max_number[0])[:, 0]
    slopes = model.space.states.T @ model.generator.toarray()
    np.testing.assert_allclose(slopes[:, below], (G @ model.space.states.T)[:, below], atol=1e-10)


def test_probability_is_conserved_where_nothing_is_born():
    quiet = {name: AgeRates(rates.ageing, death=rates.death, birth=[0, 0]) for name, rates in HUNT.items()}
    model = DoiPeliti(quiet, {"prey": 8, "predator": 5}, predation=[EATS])
    np.testing.assert_allclose(model.generator.sum(axis=0), 0, atol=1e-14)
    found = model.evolve([5, 3, 2, 3], np.linspace(0, 6, 7))
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-12)
    assert found.probabilities.min() > -1e-15 and found.converged and found.lost.max() < 1e-12
    # with births it is conserved until the cut-off is near
    roomy = DoiPeliti(TWO, 60).evolve([3, 2], [0.5, 1.0])
    np.testing.assert_allclose(roomy.probabilities.sum(axis=1), 1, atol=1e-12)


def test_what_is_lost_bounds_the_error():
    small, large = (DoiPeliti(TWO, n).evolve([4, 4], [1.0, 4.0], throw=False) for n in (12, 60))
    assert not small.converged and large.converged and "ABOVE" in small.summary() and "within" in large.summary()
    held = large.probabilities[:, large.space.index(small.space.states)]
    gap = held - small.probabilities
    assert gap.min() > -1e-14  # a lower bound of every probability
    missing = large.probabilities.sum(axis=1) - held.sum(axis=1) + gap.sum(axis=1)
    np.testing.assert_allclose(missing, small.lost - large.lost, atol=1e-12)
    assert (np.diff(small.lost) > 0).all() and small.lost[-1] > 0.01
    with pytest.raises(UnableError, match="tolerance is 0.0001. Raise max_number"):
        DoiPeliti(TWO, 12).evolve([4, 4], [1.0, 4.0], tolerance=1e-4)


def test_pure_death_is_binomial():
    found = DoiPeliti(AgeRates(death=[0.7], birth=[0.0]), 9).evolve([9], [0.0, 0.5, 2.0])
    for t, chances in zip(found.times, found.totals(), strict=True):
        np.testing.assert_allclose(chances, scipy.stats.binom.pmf(np.arange(10), 9, np.exp(-0.7 * t)), atol=1e-12)
    np.testing.assert_allclose(found.extinction_probability(), (1 - np.exp(-0.7 * found.times)) ** 9, atol=1e-12)


@pytest.mark.parametrize(("phi", "mu", "start"), [(0.3, 0.5, 3), (0.6, 0.25, 2), (0.4, 0.4, 1)])
def test_birth_and_death_in_closed_form(phi, mu, start):
    t = np.array([0.5, 1.0, 2.0])
    found = DoiPeliti(AgeRates(death=[mu], birth=[phi]), 120).evolve([start], t, tolerance=1e-12)
    growth = np.exp((phi - mu) * t)
    if phi == mu:
        empty, ratio = phi * t / (1 + phi * t), phi * t / (1 + phi * t)
        variance = start * 2 * phi * t
    else:
        empty = mu * (growth - 1) / (phi * growth - mu)
        ratio = phi / mu * empty
        variance = start * (phi + mu) / (phi - mu) * growth * (growth - 1)
    np.testing.assert_allclose(found.extinction_probability(), empty**start, rtol=1e-10)
    np.testing.assert_allclose(found.means[:, 0], start * growth, rtol=1e-10)
    np.testing.assert_allclose(found.variances[:, 0], variance, rtol=1e-9)
    if start == 1:  # a geometric law above 0
        numbers = np.arange(1, 30)
        law = (1 - empty[:, None]) * (1 - ratio[:, None]) * ratio[:, None] ** (numbers - 1)
        np.testing.assert_allclose(found.totals()[:, 1:30], law, atol=1e-12)


def test_poisson_stays_poisson_without_births():
    quiet = AgeRates([0.9, 0.6], death=[0.2, 0.3, 0.7], birth=[0, 0, 0])
    model, mean = DoiPeliti(quiet, 22), np.array([1.0, 0.5, 0.3])
    start = np.prod(scipy.stats.poisson.pmf(model.space.states, mean), axis=1)
    found = model.evolve(start, [0.7, 1.5], tolerance=1e-12)
    for t, chances in zip(found.times, found.probabilities, strict=True):
        later = scipy.linalg.expm(generator_matrix(quiet) * t) @ mean
        law = np.prod(scipy.stats.poisson.pmf(model.space.states, later), axis=1)
        np.testing.assert_allclose(chances, law, atol=1e-12)
    np.testing.assert_allclose(found.expected, found.means, atol=1e-11)
    np.testing.assert_allclose(found.covariances, [np.diag(row) for row in found.means], atol=1e-10)


def test_extinction_by_the_backward_equation():
    # F_k(t), extinction from one individual of class k: dF_k/dt = a (F_k+1 - F_k) + d (1 - F_k) + b (F_1 F_k - F_k)
    def slope(_, chance):
        following = np.append(chance[1:], 0.0)
        ageing = np.append(THREE.ageing, 0.0)
        return ageing * (following - chance) + THREE.death * (1 - chance) + THREE.birth * (chance[0] * chance - chance)

    exact = scipy.integrate.solve_ivp(slope, (0, 3), np.zeros(3), rtol=1e-12, atol=1e-13, t_eval=[1.0, 3.0]).y
    found = DoiPeliti(THREE, 26).evolve([2, 1, 1], [1.0, 3.0], tolerance=1e-7)
    np.testing.assert_allclose(found.extinction_probability(), np.prod(exact.T ** [2, 1, 1], axis=1), atol=1e-8)


def test_one_predator_in_closed_form():
    # prey that only die and are eaten, by one predator that lives an exponential time: a mixture of binomials
    beta, mu, gone, n = 0.8, 0.3, 0.5, 4
    species = {"prey": AgeRates(death=[mu], birth=[0.0]), "predator": AgeRates(death=[gone], birth=[0.0])}
    model = DoiPeliti(species, {"prey": n, "predator": 1}, predation=[Predation("prey", "predator", [[beta]])])
    t = np.array([0.4, 1.5, 4.0])
    found = model.evolve([n, 1], t)

    def survives(power):  # mean of exp(-power beta * time eaten)
        rate = power * beta + gone
        return np.exp(-rate * t) + gone / rate * (1 - np.exp(-rate * t))

    first, second = np.exp(-mu * t) * survives(1), np.exp(-2 * mu * t) * survives(2)
    np.testing.assert_allclose(found.means[:, 0], n * first, rtol=1e-11)
    np.testing.assert_allclose(found.mean_products[:, 0, 0], n * (n - 1) * second + n * first, rtol=1e-11)
    both = n * np.exp(-(mu + beta + gone) * t)  # the predator alive, and so all the time
    np.testing.assert_allclose(found.mean_products[:, 0, 1], both, rtol=1e-11)
    np.testing.assert_allclose(found.covariances[:, 0, 1], both - n * first * np.exp(-gone * t), atol=1e-11)
    assert (found.covariances[:, 0, 1] < 0).all() and found.expected is None
    np.testing.assert_allclose(found.extinction_probability("predator"), 1 - np.exp(-gone * t), rtol=1e-11)


def test_with_predation_the_means_need_the_products():
    model = DoiPeliti(HUNT, {"prey": 14, "predator": 9}, predation=[EATS])
    h, t = 1e-3, 0.8
    found = model.evolve([3, 2, 1, 2], [t - 2 * h, t - h, t, t + h, t + 2 * h], tolerance=1e-3)
    assert found.lost[-1] < 1e-5
    slope = np.array([1, -8, 0, 8, -1]) @ found.means / (12 * h)
    G = generator_matrix(HUNT)
    eaten = (EATS.rates * found.mean_products[2][:2, 2:]).sum(axis=1)
    expected = G @ found.means[2]
    closing = np.outer(found.means[2][:2], found.means[2][2:])
    expected[:2] -= eaten
    np.testing.assert_allclose(slope, expected, atol=1e-3)
    # the equation is exact for the truncated generator up to what leaks, and wrong if <xy> is taken for <x><y>
    rates = model.space.states.T @ (model.generator @ found.probabilities[2])
    np.testing.assert_allclose(slope, rates, atol=1e-9)
    np.testing.assert_allclose(rates, expected, atol=2e-4)
    assert np.abs(eaten - (EATS.rates * closing).sum(axis=1)).max() > 0.01
    with pytest.raises(UnableError, match="no equation of their own"):
        generator_matrix(HUNT, [EATS])
    free = DoiPeliti(HUNT, 4, predation=[Predation("prey", "predator", np.zeros((2, 2)))])
    assert free.evolve([1, 0, 0, 0], 0.1, tolerance=1e-2).expected is not None


def simulated(rates, start, until, number, rng):
    """Direct simulation, event by event, of the prey and predators of HUNT and EATS; counts at `until`."""
    prey, predator = rates["prey"], rates["predator"]
    ends = np.zeros((number, 4), int)
    for run in range(number):
        n, t = np.array(start), 0.0
        while True:
            speeds, moves = [], []
            for at, own in ((0, prey), (2, predator)):
                speeds += [n[at] * own.ageing[0], *(n[at + k] * own.death[k] for k in (0, 1))]
                moves += [{at: -1, at + 1: 1}, {at: -1}, {at + 1: -1}]
                speeds += [n[at + k] * own.birth[k] for k in (0, 1)]
                moves += [{at: 1}, {at: 1}]
            for i, j in itertools.product((0, 1), repeat=2):
                speeds.append(EATS.rates[i, j] * n[i] * n[2 + j])
                moves.append({i: -1})
            total = np.cumsum(speeds)
            if total[-1] == 0:
                break
            t += rng.exponential(1 / total[-1])
            if t > until:
                break
            for which, by in moves[int(np.searchsorted(total, rng.uniform(0, total[-1]), side="right"))].items():
                n[which] += by
        ends[run] = n
    return ends


def test_against_a_simulation():
    """Seed fixed. With another seed each of 6 comparisons would fail once in 16,000 (4 standard errors)."""
    number, start, until = 1500, [3, 2, 1, 2], 1.5
    ends = simulated(HUNT, start, until, number, np.random.default_rng(3))
    model = DoiPeliti(HUNT, {"prey": 16, "predator": 10}, predation=[EATS])
    found = model.evolve(start, until, tolerance=1e-3)
    error = np.sqrt(found.variances[0] / number)
    assert (np.abs(ends.mean(axis=0) - found.means[0]) < 4 * error).all()
    product = ends[:, 0] * ends[:, 3]
    assert abs(product.mean() - found.mean_products[0, 0, 3]) < 4 * product.std() / np.sqrt(number)
    gone = found.extinction_probability("prey")[0]
    share = (ends[:, :2].sum(axis=1) == 0).mean()
    assert abs(share - gone) < 4 * np.sqrt(gone * (1 - gone) / number) and 0.02 < gone < 0.9
    alone = DoiPeliti(HUNT, {"prey": 16, "predator": 10}).evolve(start, until, tolerance=1e-3)
    assert np.abs(ends.mean(axis=0) - alone.means[0]).max() > 10 * error.max()  # negative control: nobody eats


def test_several_species_without_predation_are_independent():
    both = DoiPeliti(HUNT, {"prey": 12, "predator": 8}).evolve([2, 1, 1, 1], [1.0], tolerance=1e-2)
    prey = DoiPeliti(HUNT["prey"], 12).evolve([2, 1], [1.0], tolerance=1e-2)
    predator = DoiPeliti(HUNT["predator"], 8).evolve([1, 1], [1.0], tolerance=1e-2)
    product = np.kron(prey.probabilities[0], predator.probabilities[0])
    np.testing.assert_allclose(both.probabilities[0], product, atol=1e-13)
    G = generator_matrix(HUNT)
    assert np.array_equal(G[:2, :2], generator_matrix(HUNT["prey"])) and not G[:2, 2:].any() and not G[2:, :2].any()


def test_steps_and_starts():
    model = DoiPeliti(TWO, 25)
    at_once, in_steps = model.evolve([2, 1], 1.2), model.evolve([2, 1], [0.0, 0.0, 0.3, 1.2])
    np.testing.assert_allclose(at_once.probabilities[0], in_steps.probabilities[-1], atol=1e-13)
    assert in_steps.probabilities[0, model.space.index([2, 1])] == 1 and in_steps.probabilities[1].sum() == 1
    further = model.evolve(in_steps.probabilities[2], 0.9)
    np.testing.assert_allclose(further.probabilities[0], at_once.probabilities[0], atol=1e-13)
    dense = scipy.linalg.expm(1.2 * by_hand(model)) @ in_steps.probabilities[0]
    np.testing.assert_allclose(at_once.probabilities[0], dense, atol=1e-13)
    assert isinstance(model.space, FockSpace) and model.type_names == ("population 1", "population 2")
