"""Many replicates of a model run block by block, on all cores or devices, in bounded memory."""

from __future__ import annotations

import collections
import contextlib
import os
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from popmath._errors import UnableError
from popmath.populations.ensemble import Ensemble, EnsembleRequest
from popmath.populations.model import PopulationModel
from popmath.populations.streaming import BlockStatistics, order_statistics

_LANES = 2048  # replicates in a block
_STATE_NUMBERS = 2**18  # numbers in the states of a block, which stay in the cache: a wide state has smaller blocks
_SEGMENT_BYTES = 2**20  # of what a block hands over at once
_MOST_THREADS = 8


class _Plan:
    """How the replicates are cut up. Blocks depend on the model and the number of replicates alone.

    So do the numbers, which rounding would else make depend on how many are computed together.
    """

    def __init__(self, model: PopulationModel, num_steps: int, request: EnsembleRequest) -> None:
        replicates, size = request.num_replicates, int(np.prod(model.state_shape))
        most = min(_LANES, max(8, _STATE_NUMBERS // max(size, 1)))
        pairs = -(-replicates // (2 * most))
        self.blocks = 1 if replicates <= most // 8 else 2 * pairs  # an even number, for two cores
        self.lanes = 8 * -(-replicates // (8 * self.blocks))
        self.blocks = -(-replicates // self.lanes)
        numbers = len(model.species) + (size if request.keep == "states" else 0)
        length = max(2, min(64, _SEGMENT_BYTES // (8 * self.lanes * numbers)))
        self.length = -(-(num_steps + 1) // -(-(num_steps + 1) // length))
        self.devices = jax.devices()
        self.threads = min(_cores(), _MOST_THREADS) if len(self.devices) == 1 else 1
        if request.chunk_size is not None:
            self.threads = max(1, min(self.threads, request.chunk_size // (self.lanes * len(self.devices))))


def run_ensemble(
    model: PopulationModel,
    states: np.ndarray,
    num_steps: int,
    key: jax.Array | None,
    request: EnsembleRequest,
) -> Ensemble:
    """Run the replicates from `states`, one state or one per replicate; `simulate` has checked the arguments."""
    plan = _Plan(model, num_steps, request)
    num_replicates, keep, levels, below = request.num_replicates, request.keep, request.levels, request.below
    species, times = len(model.species), num_steps + 1
    one = states.shape == model.state_shape
    size = int(np.prod(model.state_shape))
    _check_memory(times * num_replicates * {"summary": 0, "abundances": species, "states": species + size}[keep])
    totals = None if keep == "summary" else np.empty((times, species, num_replicates))
    kept = np.empty((times, *model.state_shape, num_replicates)) if keep == "states" else None
    sketched = totals is None and levels.size > 0
    compiling, compiled, stop = threading.Lock(), threading.Event(), threading.Event()

    def run_group(first_block: int) -> list[BlockStatistics]:
        """Run one block on each device through all times."""
        lanes = plan.lanes * len(plan.devices)
        first = first_block * plan.lanes
        numbers = np.arange(first, first + lanes)
        valid = min(lanes, num_replicates - first)
        begin = np.broadcast_to(states, (lanes, *states.shape)) if one else states[numbers.clip(max=num_replicates - 1)]
        blocks = [slice(start, min(start + plan.lanes, valid)) for start in range(0, valid, plan.lanes)]
        found = [BlockStatistics(times, below, block.stop - block.start, sketched) for block in blocks]
        with jax.enable_x64(True):
            now = _spread(jnp.asarray(np.moveaxis(begin, 0, -1)), plan.devices)
            keys = None if key is None else _spread(_replicate_keys(key, jnp.asarray(numbers)), plan.devices)
            for start in range(0, times, plan.length):
                if stop.is_set():
                    break
                with contextlib.nullcontext() if compiled.is_set() else compiling:  # one compiles, the others wait
                    now, out = _advance(model, now, keys, jnp.asarray(start), plan.length, kept is not None)
                compiled.set()
                rows = slice(start, min(start + plan.length, times))
                here = np.asarray(out["totals"])[: rows.stop - start]
                for block, statistics in zip(blocks, found, strict=True):
                    statistics.add(start, here[..., block])
                if totals is not None:
                    totals[rows, :, first : first + valid] = here[..., :valid]
                if kept is not None:
                    kept[rows, ..., first : first + valid] = np.asarray(out["states"])[: len(here), ..., :valid]
        return found

    groups = range(0, plan.blocks, len(plan.devices))
    with contextlib.closing(_in_order(run_group, groups, plan.threads, stop)) as found:
        merged = _merged(found, request)
    _check_finite(model, merged)
    quantiles = None if totals is None else _exact_quantiles(totals, levels, plan.threads)
    return Ensemble(
        model.species,
        np.arange(times),
        num_replicates,
        keep,
        merged.statistics(levels, quantiles),
        None if totals is None else np.moveaxis(totals, -1, 0),
        None if kept is None else np.moveaxis(kept, -1, 0),
    )


def _merged(found: Iterator[list[BlockStatistics]], request: EnsembleRequest) -> BlockStatistics:
    """The statistics of all blocks, merged in their order."""
    merged, *more = next(found)
    while more is not None:
        for statistics in more:
            merged.merge(statistics)
        if request.progress is not None:
            request.progress(merged.replicates, request.num_replicates)
        more = next(found, None)
    return merged


@eqx.filter_jit
def _advance(
    model: PopulationModel, states: jax.Array, keys: jax.Array | None, start: jax.Array, length: int, with_states: bool
):
    """States after `length` steps, and the totals (and states) before each; replicates on the last axis."""

    def one(now, t):
        step_keys = None if keys is None else jax.vmap(lambda key: jax.random.fold_in(key, t))(keys)
        after = jax.vmap(lambda state, key: model.step(state, t, key)[0], (-1, 0), -1)(now, step_keys)
        out = {"totals": jax.vmap(model.totals, -1, -1)(now)}
        return after, out | {"states": now} if with_states else out

    return jax.lax.scan(one, states, start + jnp.arange(length))


@eqx.filter_jit
def _replicate_keys(key: jax.Array, numbers: jax.Array) -> jax.Array:
    return jax.vmap(lambda number: jax.random.fold_in(key, number))(numbers)


def _spread(values: jax.Array, devices: list) -> jax.Array:
    """Laid out over the devices along the last axis, that of the replicates."""
    if len(devices) == 1:
        return values
    mesh = jax.sharding.Mesh(np.array(devices), ("replicates",))
    axes = jax.sharding.PartitionSpec(*[None] * (values.ndim - 1), "replicates")
    return jax.device_put(values, jax.sharding.NamedSharding(mesh, axes))


def _in_order(work: Callable[[int], Any], items: range, threads: int, stop: threading.Event) -> Generator[Any]:
    """`work` of each item, in their order, by several threads that are never more than two items ahead each."""
    if threads == 1 or len(items) == 1:
        yield from map(work, items)
        return
    waiting: collections.deque[Future] = collections.deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # an error or an interrupt: what is running ends at its next segment, the rest is not begun
            stop.set()
            for future in waiting:
                future.cancel()


def _check_finite(model: PopulationModel, found: BlockStatistics) -> None:
    if found.bad.any():
        raise UnableError(
            f"the abundances of {int(found.bad.sum()):,} of {found.replicates:,} replicates are not finite, first at "
            f"time {found.bad_since}; one of them is replicate {int(np.argmax(found.bad))}: {type(model).__name__} "
            "overflows, or its step is undefined there. Look at that replicate alone, with "
            "simulate(..., key=jax.random.fold_in(key, replicate)), or take fewer steps."
        )


def _check_memory(numbers: int) -> None:
    """Refuse what does not fit into this machine before it is begun."""
    try:
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return
    if 8 * numbers > 0.8 * there:
        raise ValueError(
            f"to keep all replicates takes {8 * numbers / 2**30:.1f} GiB, this machine has {there / 2**30:.1f}: pass "
            'keep="summary" for statistics alone, in bounded memory, or fewer replicates or steps.'
        )


def _exact_quantiles(totals: np.ndarray, levels: np.ndarray, threads: int) -> np.ndarray:
    """Quantiles over the last axis, by sorting a few times at once."""
    found = np.empty((len(levels), *totals.shape[:-1]))
    if not len(levels):
        return found
    count = totals.shape[-1]
    place, share = order_statistics(levels, count)

    def some(start: int) -> None:
        ordered = np.sort(totals[start : start + rows], axis=-1)
        lower, upper = (np.moveaxis(ordered[..., np.minimum(p, count - 1)], -1, 0) for p in (place, place + 1))
        found[:, start : start + rows] = lower + share[:, None, None] * (upper - lower)

    rows = max(1, _SEGMENT_BYTES // totals[0].nbytes)
    collections.deque(_in_order(some, range(0, len(totals), rows), threads, threading.Event()), maxlen=0)
    return found


def _cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
