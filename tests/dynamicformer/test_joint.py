"""The network of several theories: what it takes from B, a small run, and what it says of each theory."""

import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from popmath import UnableError
from popmath.dynamicformer.additive import AdditivePart, _functions, check_reach, least_squares
from popmath.dynamicformer.batches import as_int32
from popmath.dynamicformer.encoding import encode, log_double_factorials, without_degree
from popmath.dynamicformer.joint import JointNetwork, tensors_of
from popmath.dynamicformer.joint_task import joint_data, rows_of, split_of
from popmath.dynamicformer.network import IntersectionNetwork, NetworkSettings
from popmath.dynamicformer.optimising import adam
from popmath.dynamicformer.pretrained import TrainedNetwork
from popmath.dynamicformer.samples import exact_samples
from popmath.dynamicformer.settings import DataSettings, TrainingSettings
from popmath.dynamicformer.splits import Split
from popmath.dynamicformer.tasks import task_of
from popmath.dynamicformer.theories import THEORIES, TheorySamples, theory_samples
from popmath.dynamicformer.training import train
from popmath.intersections import amplitude, log_correlator, theta_correlator

NAMES = ("Witten-Kontsevich", "Bessel", "Weil-Petersson", "Masur-Veech")
SHAPE = NetworkSettings(width=8, hidden=16, order=2, additive=True, context=4)
SETTINGS = TrainingSettings(
    name="four",
    preset="joint",
    target="growth",
    num_steps=400,
    batch_size=128,
    validate_every=200,
    validation_size=200,
    learning_rate=1e-3,
    network=SHAPE,
    data=DataSettings(max_level=9, theories=NAMES),
    split=Split(max_train_genus=4, max_train_points=9, validation_share=0.1, test_share=0.1),
)
REQUESTS = as_int32(encode([3, 3, 2], [(0, 2, 2, 6), (3, 3, 3), (0, 1, 5)]))
KIND = np.array([0, 1, 2], np.int32)

value_of = eqx.filter_jit(lambda net, *rest: net(*rest))


@pytest.fixture(scope="module")
def data():
    return joint_data(SETTINGS)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data):
    result = train(SETTINGS, tmp_path_factory.mktemp("four"), samples=data)
    return TrainedNetwork(result.network, result.settings, result.record)


def test_names_of_theories_do_not_matter_their_tensors_do():
    net = JointNetwork.random(SHAPE, jax.random.key(0))
    tensors = tensors_of(NAMES)
    value = value_of(net, REQUESTS, KIND, tensors)
    order = np.array([2, 0, 3, 1])
    turned = tensors_of(tuple(NAMES[i] for i in order))
    np.testing.assert_allclose(value_of(net, REQUESTS, np.argsort(order)[KIND], turned), value, rtol=1e-5, atol=1e-5)
    assert (np.abs(value_of(net, REQUESTS, KIND[::-1].copy(), tensors) - value)[[0, 2]] > 1e-4).all()
    hidden = tensors_of(NAMES, shown=False)
    np.testing.assert_array_equal(
        value_of(net, REQUESTS, KIND, hidden), value_of(net, REQUESTS, KIND[::-1].copy(), hidden)
    )


def test_contexts_begin_equally_far_apart(data):
    task, net = task_of(SETTINGS, data), JointNetwork.random(SHAPE, jax.random.key(0))
    first, begun = (np.asarray(each.tensor.exactly(task.tensors)) for each in (net, task.begin(net)))
    apart = [np.linalg.norm(a - b) for number, a in enumerate(begun) for b in begun[:number]]
    np.testing.assert_allclose(apart, np.sqrt(8.0), rtol=1e-3)
    np.testing.assert_allclose(begun.mean(axis=0), 0.0, atol=1e-4)
    assert np.ptp([np.linalg.norm(a - b) for number, a in enumerate(first) for b in first[:number]]) > 0.5
    again = net.tensor.spread_out(task.tensors).spread_out(task.tensors)
    np.testing.assert_allclose(again.exactly(task.tensors), begun, atol=1e-4)
    hidden = tensors_of(NAMES, shown=False)
    np.testing.assert_allclose(net.tensor.spread_out(hidden)(hidden), np.zeros((4, 4)), atol=1e-6)


def test_contexts_are_the_same_numbers_in_every_program(data):
    task = task_of(SETTINGS, data)
    branch = task.begin(JointNetwork.random(SHAPE, jax.random.key(0))).tensor
    context = np.asarray(branch(task.tensors))
    np.testing.assert_array_equal(256 * context, np.round(256 * context))
    np.testing.assert_allclose(context, branch.exactly(task.tensors), atol=0.5 / 256 + 1e-6)
    np.testing.assert_array_equal(eqx.filter_jit(lambda b: 1.0 * b(task.tensors))(branch), context)
    one_by_one = np.concatenate([np.asarray(branch(tensor[None])) for tensor in task.tensors])
    np.testing.assert_array_equal(one_by_one, context)


def test_a_network_begins_as_least_squares_and_as_much_as_it_leaves(data):
    task = task_of(SETTINGS, data)
    net = task.begin(JointNetwork.random(SHAPE, jax.random.key(0)))
    weights = np.concatenate([net.network.additive.degree, net.network.additive.level], axis=1)
    assert np.abs(weights).max() < 20  # they cancel in the hundreds without a ridge
    for context, part in zip(net.tensor(task.tensors), task.train, strict=True):
        batch = part.draw(5_000, SETTINGS.seed + 2, 0)
        requests = as_int32(batch.requests)
        additive = net.network.additive(requests, jnp.broadcast_to(context[None], (5_000, 4)))
        left = np.sqrt(np.mean((np.asarray(additive, float) - batch.target) ** 2))
        functions = np.concatenate([np.asarray(each, float) for each in _functions(requests, True)], axis=1)
        error = functions @ np.linalg.lstsq(functions, batch.target, rcond=1e-7)[0] - batch.target
        assert left == pytest.approx(np.sqrt(np.mean(error**2)), rel=0.02, abs=5e-6)
        gain = 3.0 * net.network.gain(context[None])[0, 0]
        assert float(gain) == pytest.approx(np.log(left), abs=1e-3)


def test_large_slopes_of_what_is_held_change_nothing(data):
    net = task_of(SETTINGS, data).begin(JointNetwork.random(SHAPE, jax.random.key(0)))
    arrays = eqx.filter(net, eqx.is_array)
    slopes = jax.tree.map(lambda leaf: 1e-3 * jnp.ones_like(leaf), arrays)
    steep = eqx.tree_at(lambda net: net.network.additive.degree, slopes, 1e6 + slopes.network.additive.degree)
    changes = []
    for each in (slopes, steep):
        optimiser = adam(SETTINGS)
        with jax.numpy_dtype_promotion("standard"):
            _, memory = optimiser.update(each, optimiser.init(arrays), arrays)
            changes.append(optimiser.update(each, memory, arrays)[0].network)
    assert eqx.tree_equal(changes[0].trunk, changes[1].trunk) and not jnp.any(changes[1].additive.degree)
    assert jnp.all(changes[0].trunk.linears[0].weight != 0)


def test_a_gain_of_zero_leaves_the_additive_part(data):
    task = task_of(SETTINGS, data)
    net = task.begin(JointNetwork.random(SHAPE, jax.random.key(3)))
    shut = eqx.tree_at(lambda net: net.network.gain.bias, net, jnp.array([-50.0]))
    context = net.tensor(task.tensors)[KIND]
    wanted = net.network.additive(REQUESTS, context)
    np.testing.assert_allclose(value_of(shut, REQUESTS, KIND, task.tensors), wanted, atol=1e-3)
    assert np.abs(value_of(net, REQUESTS, KIND, task.tensors) - wanted).max() > 1e-2


@pytest.mark.parametrize(("tensor_rate", "additive_rate"), [(0.0, 0.05), (0.05, 0.0)])
def test_what_has_no_rate_stays_as_it_begins(data, tmp_path, tensor_rate, additive_rate):
    settings = dataclasses.replace(SETTINGS, num_steps=3, tensor_rate=tensor_rate, additive_rate=additive_rate)
    run = train(settings, tmp_path, samples=data).network
    first = JointNetwork.random(SHAPE, jax.random.key(settings.seed))
    first = task_of(settings, data).begin(first)
    same = [
        eqx.tree_equal(a, b) for a, b in ((run.tensor, first.tensor), (run.network.additive, first.network.additive))
    ]
    assert [bool(each) for each in same] == [tensor_rate == 0, additive_rate == 0]
    assert not eqx.tree_equal(run.network.trunk, first.network.trunk)


def test_every_weight_has_a_slope():
    net = JointNetwork.random(SHAPE, jax.random.key(1))
    slopes = eqx.filter_jit(eqx.filter_grad(lambda net: jnp.sum(net(REQUESTS, KIND, tensors_of(NAMES)) ** 2)))(net)
    flat = jax.tree_util.tree_flatten_with_path(eqx.filter(slopes, eqx.is_array))[0]
    assert [jax.tree_util.keystr(p) for p, leaf in flat if not np.isfinite(leaf).all() or not np.any(leaf != 0)] == []


def test_batches_have_equal_parts_with_the_targets_of_their_theories(data):
    assert isinstance(data, TheorySamples)
    requests, kind, target = task_of(SETTINGS, data).draw(3)
    assert np.bincount(kind).tolist() == [32] * 4
    for number, name in enumerate(NAMES):
        exact = {
            (g, tuple(d)): v
            for g, d, v in zip(
                data.by_theory[name].requests.genus.tolist(), written(data.by_theory[name].requests),
                data.by_theory[name].log_scaled, strict=True,
            )
        }  # fmt: skip
        rows = np.flatnonzero(kind == number)
        some = requests.take(rows)
        growth = some.num_points * np.log(2) - np.log(4 * np.pi)
        level = 2 * some.genus - 2 + some.num_points
        gamma = np.array([np.sum(np.log(np.arange(1, int(x)))) for x in level])
        wanted = np.array([exact[g, tuple(d)] for g, d in zip(some.genus.tolist(), written(some), strict=True)])
        np.testing.assert_allclose(target[rows], wanted - growth - gamma, atol=1e-5)
        assert (some.genus <= split_of(SETTINGS, name).max_train_genus).all()


def test_the_balanced_loss_is_the_mean_logarithm_of_the_theories_errors(data):
    task = task_of(dataclasses.replace(SETTINGS, loss="balanced"), data)
    net, (requests, kind, target) = JointNetwork.random(SHAPE, jax.random.key(2)), task.draw(0)
    error = np.abs(np.asarray(value_of(net, requests, kind, task.tensors)) - target)
    wanted = np.mean([np.log(error[kind == number].mean()) for number in range(4)])
    assert float(task.loss(net, (requests, kind, target))) == pytest.approx(wanted, abs=1e-4)


def written(requests):
    return [np.repeat(d, m).tolist() for d, m in zip(requests.degrees, requests.multiplicity, strict=True)]


def test_it_learns_and_b_matters(trained):
    contexts = trained.network.tensor(tensors_of(NAMES))
    spread = [float(jnp.max(jnp.abs(contexts[i] - contexts[j]))) for i in range(4) for j in range(i)]
    assert min(spread) > 0.05
    request = (3, [(0, 3, 4)])
    both = [trained.predict_log([3], request[1], name).log_value[0] for name in ("Weil-Petersson", "Masur-Veech")]
    assert abs(both[0] - both[1]) > 0.5
    for name in NAMES:
        samples = theory_samples(name, 9, 4)
        says = trained.predict_requests(samples.requests, name).log_value + log_double_factorials(samples.requests)
        assert np.median(np.abs(says - samples.log_scaled)) < 0.5 < np.std(samples.log_scaled)


def test_removed_degrees_are_exact(trained):
    theta = trained.predict_log([3, 3], [(2,), (0, 0, 2)], "Bessel").log_value
    assert theta[1] - theta[0] == pytest.approx(np.log(5 * 6), abs=1e-9)
    zeros = trained.predict_log(1, (0, 0, 0), "Bessel").log_value[0]
    assert zeros == pytest.approx(np.log(float(theta_correlator(1, (0, 0, 0)))), abs=1e-12)
    assert trained.predict_log(1, (1, 1, 1)).log_value[0] == pytest.approx(log_correlator(1, (1, 1, 1)), abs=1e-12)


def test_nothing_but_removed_degrees_is_exact_at_genus_1_only(trained):
    says = trained.predict_log([1, 1, 2, 2], [(1,), (1, 1), (1,), (1, 1)], "Masur-Veech").log_value
    structure = THEORIES["Masur-Veech"].structure()
    np.testing.assert_allclose(says[:2], [math.log(amplitude(structure, 1, (1,) * n)) for n in (1, 2)], atol=1e-12)
    assert says[2] != says[0] and says[3] - says[2] == pytest.approx(math.log(3))


def test_requests_of_another_theory_are_refused(trained):
    with pytest.raises(ValueError, match="request of another theory"):
        trained.predict_requests(encode([3], [(7,)]), "Bessel")


def test_a_number_is_in_the_same_part_in_every_theory_that_has_it(data):
    def families(name, part):
        requests = data.by_theory[name].requests
        is_psi = np.flatnonzero(requests.total_degree == requests.level + requests.genus - 1)
        rows = np.intersect1d(rows_of(SETTINGS, name, requests, part), is_psi)
        bare = without_degree(requests.take(rows), 1)[0]
        return {(g, tuple(d)) for g, d in zip(bare.genus.tolist(), written(bare), strict=True)}

    names = ("Witten-Kontsevich", "Weil-Petersson", "Masur-Veech")
    for one in names:
        for other in names:
            assert families(one, "test") and not families(one, "test") & families(other, "train")


def test_in_pieces_it_is_the_same(trained, data, tmp_path):
    assert train(SETTINGS, tmp_path, samples=data, max_seconds=0.0) is None
    again = train(SETTINGS, tmp_path, samples=data)
    same = jax.tree.map(lambda a, b: bool((a == b).all()), again.network, trained.network)
    assert all(jax.tree.leaves(same)) and again.record == trained.record


def test_ranges_are_said_for_each_theory(trained):
    assert trained.theories == NAMES
    assert "Bessel: genus 0 to 4, 1 to 9 points besides zeros" in trained.range
    assert trained.predict_log([4, 5], [(1, 2), (4,)], "Bessel").in_range.tolist() == [True, False]
    with pytest.raises(ValueError, match="trained on"):
        trained.predict_log(2, (4,), "Hodge")
    with pytest.raises(ValueError, match="exactly 0"):
        trained.predict_log(2, (4,), "Bessel")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": DataSettings(theories=())}, "go together"),
        ({"network": NetworkSettings(additive=True)}, "go together"),
        ({"preset": "ours"}, "go together"),
        ({"target": "residual"}, "growth"),
        ({"loss": "relative"}, "does not go with"),
        ({"validation_size": 3}, "validation_size"),
        ({"batch_size": 130}, "multiple of the 4 theories"),
        ({"data": DataSettings(theories=("Hodge",))}, "theories must be among"),
        ({"data": DataSettings(theories=NAMES, keep_ones=True), "target": "raw"}, "keep_ones"),
    ],
)
def test_settings_that_do_not_go_together(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SETTINGS, **change)


def test_data_of_another_kind_are_refused(data, tmp_path):
    with pytest.raises(TypeError, match="preset='joint' does not go with Samples"):
        train(SETTINGS, tmp_path, samples=exact_samples(9, range(4)))
    with pytest.raises(TypeError, match="does not go with TheorySamples"):
        task_of(
            dataclasses.replace(
                SETTINGS, preset="ours", loss="absolute", network=NetworkSettings(), data=DataSettings(9)
            ),
            data,
        )
    fewer = DataSettings(max_level=9, theories=NAMES[:2])
    with pytest.raises(ValueError, match="settings name"):
        task_of(dataclasses.replace(SETTINGS, data=fewer), data)


def test_a_network_without_context_refuses_one():
    net = IntersectionNetwork.random(NetworkSettings(width=8, hidden=16), jax.random.key(0))
    with pytest.raises(ValueError, match="context must have 0 numbers"):
        net(REQUESTS, context=jnp.zeros((3, 2)))


def test_the_additive_part_finds_what_is_in_its_span():
    samples = exact_samples(14, range(5))
    requests = as_int32(samples.requests)
    level, n = samples.requests.level, samples.requests.num_points
    target = level * np.log(level) - 3.0 * n + 2 * samples.requests.times(0) - 0.7 * level
    fitted = AdditivePart.through(np.zeros((1, 0)), [least_squares(requests, target, several=False)])
    nothing = jnp.zeros((len(level), 0))
    np.testing.assert_allclose(fitted(requests, nothing), target, atol=2e-3)
    assert THEORIES["Bessel"].removed == 0
    with pytest.raises(UnableError, match="beyond this network"):
        check_reach(encode([2000], [(5998,)]))
