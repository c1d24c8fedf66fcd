"""The network as published: its size, its symmetries, and what each deviation changes."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from popmath import DataError
from popmath.dynamicformer.encoding import encode
from popmath.dynamicformer.pooling import PrincipalPool
from popmath.dynamicformer.pretrained import TrainedNetwork
from popmath.dynamicformer.published import PublishedNetwork, PublishedSettings
from popmath.dynamicformer.published_batches import HeldTensors, TypeBatches, partitions_of, tensor_entries
from popmath.dynamicformer.samples import exact_samples
from popmath.dynamicformer.settings import DataSettings, TrainingSettings
from popmath.dynamicformer.splits import Split
from popmath.dynamicformer.tasks import task_of
from popmath.dynamicformer.training import METRICS, load_network, train
from popmath.intersections import log_correlator

SMALL = PublishedSettings(width=16, heads=2, embedding=8, hidden=16)
SAMPLES = exact_samples(9, range(4))
SETTINGS = TrainingSettings(
    name="published",
    preset="published",
    target="raw",
    num_steps=200,
    batch_size=32,
    validate_every=50,
    validation_size=64,
    learning_rate=3e-3,
    types_per_batch=2,
    published=SMALL,
    data=DataSettings(max_level=6),
    split=Split(max_train_genus=3, max_train_points=6, validation_share=0.2, test_share=0.2),
)
BATCH, TARGET = TypeBatches(SAMPLES, 9, types=2, group_power=0.5).draw(12, seed=0, step=0)


value_of = eqx.filter_jit(lambda net, batch: net(batch))


def network(settings=SMALL, seed=0):
    return PublishedNetwork.random(settings, jax.random.key(seed))


def test_its_published_size():
    sizes = [leaf.size for leaf in jax.tree.leaves(eqx.filter(network(PublishedSettings()), eqx.is_array))]
    assert 1.7e6 < sum(sizes) < 1.9e6


def test_batches_are_requests_with_their_logarithms():
    for row in range(12):
        degrees = np.repeat(BATCH.degrees[row], BATCH.times[row]).tolist()
        genus, points = BATCH.type_[BATCH.kind[row]].tolist()
        assert len(degrees) == points and TARGET[row] == pytest.approx(log_correlator(genus, degrees), abs=1e-4)
        entries = BATCH.entries[BATCH.kind[row]][BATCH.entry_mask[BATCH.kind[row]]]
        np.testing.assert_array_equal(entries, tensor_entries(3 * genus - 3 + points))


@pytest.mark.parametrize("power", [1.0, 0.5, 0.0])
def test_largest_degrees_are_drawn_by_their_power(power):
    samples = exact_samples(9, range(4, 5))
    data, split = (
        DataSettings(max_level=9, degree_power=power),
        Split(max_train_genus=4, validation_share=0.2, test_share=0.1),
    )
    settings = dataclasses.replace(SETTINGS, types_per_batch=1, batch_size=4_000, data=data, split=split)
    task = task_of(settings, samples)
    three = samples.take(split.rows(samples.requests, "train")).requests
    three = three.take(np.flatnonzero(three.num_points <= 3))
    drawn = [batch for batch, _ in (task.draw(step) for step in range(12)) if batch.type_[0].tolist() == [4, 3]]
    largest = np.concatenate([batch.degrees.max(axis=1) for batch in drawn])
    degrees, counts = np.unique(three.degrees.max(axis=1), return_counts=True)
    shares = [np.mean(largest == degree) for degree in degrees]
    assert len(drawn) > 0 and np.ptp(counts) > 0
    np.testing.assert_allclose(shares, counts**power / np.sum(counts**power), atol=0.012)  # four standard errors


def test_the_tensor_is_cut_at_1500_entries():
    assert len(tensor_entries(60)) == 1500 > len(tensor_entries(30)) == 525
    assert len(tensor_entries(53, 2_000)) == 1537  # the first that the published network cuts


def turned(batch):
    order = np.random.default_rng(0).permutation(batch.degrees.shape[1])
    return batch._replace(degrees=batch.degrees[:, order], times=batch.times[:, order])


def longer(batch):
    pad = ((0, 0), (0, 5))
    return batch._replace(
        degrees=np.pad(batch.degrees, pad), times=np.pad(batch.times, pad), length=batch.length + np.int32(5)
    )


def one_by_one(batch):
    points = [np.repeat(parts, times) for parts, times in zip(batch.degrees, batch.times, strict=True)]
    width = max(len(each) for each in points)
    degrees = np.stack([np.pad(each, (0, width - len(each))) for each in points])
    return batch._replace(degrees=degrees, times=np.stack([np.arange(width) < len(each) for each in points]) * 1)


def test_order_and_padding_do_not_matter():
    value = value_of(network(), BATCH)[0]
    for other in (turned(BATCH), longer(BATCH)):
        np.testing.assert_allclose(value_of(network(), other)[0], value, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("published", [{}, {"masked_pooling": False}, {"true_lengths": False}, {"padding_id": 0}])
def test_a_token_for_each_point_says_the_same(published):
    net = network(dataclasses.replace(SMALL, **published))
    for found, expected in zip(value_of(net, one_by_one(BATCH)), value_of(net, BATCH), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("published", [{"masked_pooling": False}, {"true_lengths": False}, {"padding_id": 0}])
def test_as_published_padding_does_matter(published):
    settings = dataclasses.replace(SMALL, **published)
    value, other = value_of(network(settings), BATCH)[0], value_of(network(settings), longer(BATCH))[0]
    assert np.max(np.abs(value - other)) > 1e-3


def test_every_weight_has_a_slope():
    slopes = eqx.filter_jit(eqx.filter_grad(lambda net: net.loss(BATCH, jnp.asarray(TARGET))))(network())
    flat = {jax.tree_util.keystr(p): leaf for p, leaf in jax.tree_util.tree_flatten_with_path(slopes)[0]}
    unused = [name for name, leaf in flat.items() if not np.isfinite(leaf).all() or not np.any(leaf != 0)]
    assert unused == []


def test_one_type_leaves_nothing_of_the_tensors_memory():
    first = {name: getattr(BATCH, name)[:1] for name in ("type_", "entries", "entry_mask")}
    alone = BATCH._replace(kind=np.zeros(12, np.int32), **first)
    _, memory, tensor = value_of(network(), alone)
    assert np.ptp(tensor, axis=0).max() == 0 < np.ptp(memory, axis=0).max()


def test_the_pool_against_numpy():
    tokens = np.random.default_rng(1).normal(size=(2, 4, 3)).astype(np.float32)
    times = np.array([[1, 2, 1, 0], [1, 0, 0, 0]], np.float32)
    found = PrincipalPool(jnp.asarray(1.0))(tokens, times, np.array([4.0, 1.0], np.float32))
    real = tokens[0, [0, 1, 1, 2]]
    first = np.concatenate([real.sum(0) / np.e, real.max(0), real.mean(0), np.sqrt(real.var(0) + 1e-6)])
    scale = np.log(5) / np.log1p(np.e)
    np.testing.assert_allclose(found[0], np.concatenate([first, first * scale, first / scale]), rtol=1e-4, atol=1e-5)


def test_it_trains_and_is_read_back(tmp_path):
    result = train(SETTINGS, tmp_path, samples=exact_samples(6, range(4)))
    lines = (tmp_path / METRICS).read_text().splitlines()
    scores = [eval(line)["validation"] for line in lines]
    assert scores[-1] < 0.8 * scores[0]
    trained = TrainedNetwork.read(tmp_path / "weights.safetensors")
    requests = encode([1, 1, 2], [(1, 1), (0, 2), (4,)])
    alone = [trained.predict_log(g, d).log_value[0] for g, d in [(1, (1, 1)), (1, (0, 2)), (2, (4,))]]
    np.testing.assert_allclose(trained.predict_requests(requests).log_value, alone, rtol=1e-5)
    assert trained.sees_ones
    again, read, _ = load_network(tmp_path / "weights.safetensors")
    assert read == SETTINGS
    np.testing.assert_array_equal(value_of(again, BATCH)[0], value_of(result.network, BATCH)[0])


def test_settings_that_cannot_work():
    with pytest.raises(ValueError, match="multiple of heads"):
        PublishedSettings(width=10, heads=4)
    with pytest.raises(ValueError, match="most_entries must be at least 1"):
        PublishedSettings(most_entries=0)
    with pytest.raises(ValueError, match="padding_id must be"):
        PublishedSettings(padding_id=3)
    with pytest.raises(ValueError, match="preset='published' needs target='raw'"):
        TrainingSettings(preset="published")
    with pytest.raises(DataError, match="published.depth is not a setting"):
        TrainingSettings.of({"published": {"depth": 2}})


def test_partitions_of_one_type():
    requests = SAMPLES.requests.take(np.flatnonzero(SAMPLES.requests.genus == 2)[:3])
    found = partitions_of(requests, [(2, int(n)) for n in requests.num_points], np.arange(3))
    assert found.degrees.shape[1] == 4 and found.times.sum() == requests.num_points.sum()


def test_an_encoder_that_is_held_stays_as_it_was(tmp_path):
    settings = dataclasses.replace(
        SETTINGS,
        num_steps=20,
        validate_every=10,
        learning_rate=2e-3,
        types_per_batch=8,
        weight_decay=1e-2,
        hold_tensor=True,
    )
    samples = exact_samples(6, range(4))
    first = dataclasses.replace(settings, hold_tensor=False, num_steps=1)
    begun = train(first, tmp_path / "first", samples=samples).network
    with pytest.raises(ValueError, match="hold_tensor needs a start"):
        train(settings, tmp_path / "second", samples=samples)
    result = train(settings, tmp_path / "second", samples=samples, start=tmp_path / "first" / "weights.safetensors")
    pairs = zip(*(jax.tree_util.tree_leaves_with_path(each) for each in (begun, result.network)), strict=True)
    changed = {jax.tree_util.keystr(path) for (path, old), (_, new) in pairs if np.any(old != new)}
    assert changed and not any(name.startswith((".tensor", ".pools[1]")) for name in changed)
    held = HeldTensors(result.network).of(BATCH.type_)
    np.testing.assert_allclose(value_of(result.network, BATCH)[0], result.network(BATCH, held)[0], rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="hold_tensor goes with preset='published'"):
        dataclasses.replace(settings, preset="ours", target="residual")
