"""Every intermediate value of a network by its name, and what it says when some of them are others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from popmath._types import Array
from popmath.dynamicformer.batches import as_int32
from popmath.dynamicformer.encoding import Requests
from popmath.dynamicformer.joint import JointNetwork, tensors_of
from popmath.dynamicformer.pretrained import NetworkPrediction, TrainedNetwork
from popmath.dynamicformer.published import PublishedNetwork
from popmath.dynamicformer.published_batches import HeldTensors, partitions_of
from popmath.dynamicformer.theories import PSI

INSIDE_TENSOR = ("tensor.attention", "tensor.tokens", "tensor.memory")


class Observation(NamedTuple):
    """What a network made of some requests.

    Attributes:
        value: what it says, in units of its target, shape `(requests,)`.
        sites: every intermediate by name; the first axis is requests (of `context` and of a published network's tensor
            sites: one row for each theory or request).
    """

    value: np.ndarray
    sites: dict[str, np.ndarray]


def observe(
    trained: TrainedNetwork,
    shown: Requests,
    patches: Mapping[str, Array] | None = None,
    theory: str = PSI,
    inside_tensor: bool = False,
) -> Observation:
    r"""What the network says of requests, with every intermediate value, some of which may be given.

    Sites are the names of `IntersectionNetwork`, `JointNetwork` and `PublishedNetwork`, and what they read: `genus`,
    `num_points`, `degrees` and `multiplicity`. The weights are run as they are, by the code that predicts.

    Args:
        trained: any trained network.
        shown: requests as `trained.shown` gives them, or others of the same kind, consistent or not.
        patches: values that take the place of those at their sites, of the same shape.
        theory: one of `trained.theories`.
        inside_tensor: of a published network: observe the encoder of B too, at every request (slow); otherwise B is
            encoded before, once for each $3g-3+n$.

    Raises:
        ValueError: for a site that this network does not have, a patch of another shape, or a theory it was not
            trained on.

    Example:
        >>> from popmath.dynamicformer import encode, load_pretrained
        >>> trained = load_pretrained("psi-residual")
        >>> shown = trained.shown(encode([9, 9], [(2, 24), (13, 13)]))
        >>> clean = observe(trained, shown)
        >>> clean.sites["pooled"].shape, list(clean.sites)[:3]
        ((2, 64), ['genus', 'num_points', 'degrees'])
        >>> without = observe(trained, shown, {"tail": np.zeros(2)})
        >>> bool(np.all(np.abs(without.value - clean.value) < 1e-4))
        True
    """
    trained.check_theory(theory)
    given = dict(patches or {})
    inner = inside_tensor or any(name in INSIDE_TENSOR for name in given)
    arguments = _arguments(trained, shown, theory, inner)
    named = _named(trained, arguments)
    typed: dict[str, Array] = {name: _checked(trained, named, name, np.asarray(patch)) for name, patch in given.items()}
    value, sites = _compiled(trained.network, arguments, typed)
    return Observation(np.asarray(value), {name: np.asarray(sites[name]) for name in named})


def site_names(trained: TrainedNetwork, theory: str = PSI) -> tuple[str, ...]:
    """Names of the sites of a network, in the order in which they are computed; what it reads comes first.

    Example:
        >>> from popmath.dynamicformer import load_pretrained
        >>> site_names(load_pretrained("psi-multi"))[:5]
        ('genus', 'num_points', 'degrees', 'multiplicity', 'context')
    """
    trained.check_theory(theory)
    shown = Requests(*(np.full(shape, 1, np.int32) for shape in [(1,), (1,), (1, 4), (1, 4)]))
    inner = isinstance(trained.network, PublishedNetwork)
    return tuple(_named(trained, _arguments(trained, shown, theory, inner)))


def predict_patched(
    trained: TrainedNetwork, requests: Requests, patches: Mapping[str, Array], theory: str = PSI
) -> NetworkPrediction:
    """What `trained.predict_requests` says with values given at some sites; see `observe`.

    Example:
        >>> from popmath.dynamicformer import encode, load_pretrained
        >>> trained, requests = load_pretrained("psi-raw"), encode([3], [(2, 6)])
        >>> whole, same = trained.predict_requests(requests), predict_patched(trained, requests, {})
        >>> bool(abs(whole.log_value[0] - same.log_value[0]) < 1e-4)
        True
    """
    return trained.predict_requests(requests, theory, lambda shown: observe(trained, shown, patches, theory).value)


def _arguments(trained: TrainedNetwork, shown: Requests, theory: str, inside_tensor: bool) -> tuple[Any, ...]:
    """What the network is called with, beside a tap."""
    network = trained.network
    if isinstance(network, JointNetwork):
        kind = np.zeros(len(shown.genus), np.int32)
        return as_int32(shown), kind, tensors_of((theory,), trained.settings.data.show_tensors)
    if isinstance(network, PublishedNetwork):
        types = list(zip(shown.genus.tolist(), shown.num_points.tolist(), strict=True))
        most = network.settings.most_entries if inside_tensor else None
        batch = partitions_of(shown, types, np.arange(len(types)), most)
        return batch, None if inside_tensor else HeldTensors(network).of(batch.type_)
    return (as_int32(shown),)


def _named(trained: TrainedNetwork, arguments: tuple[Any, ...]) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes of the sites, in order."""
    order: list[str] = []
    _, found = eqx.filter_eval_shape(lambda network, given: _run(network, given, {}, order), trained.network, arguments)
    return {name: found[name] for name in order}


def _checked(
    trained: TrainedNetwork, named: dict[str, jax.ShapeDtypeStruct], name: str, patch: np.ndarray
) -> np.ndarray:
    if name not in named:
        raise ValueError(f"{trained.settings.name!r} has no site {name!r}; it has {', '.join(named)}.")
    if patch.shape != named[name].shape:
        raise ValueError(f"the patch of {name!r} must have shape {named[name].shape}; got {patch.shape}.")
    typed = patch.astype(named[name].dtype)
    if np.issubdtype(typed.dtype, np.integer) and not np.array_equal(typed, patch):
        raise ValueError(f"the patch of {name!r} must be whole numbers; got {patch.ravel()[:3].tolist()}, ...")
    return typed


def _run(
    network: Any, arguments: tuple[Any, ...], patches: dict[str, Array], order: list[str] | None = None
) -> tuple[Array, dict[str, Array]]:
    seen: dict[str, Array] = {}

    def tap(name: str, value: Array) -> Array:
        if order is not None:
            order.append(name)
        seen[name] = patches.get(name, value)
        return seen[name]

    if isinstance(network, PublishedNetwork):
        batch, tensors = arguments
        columns = {name: tap(name, batch.type_[:, i]) for i, name in enumerate(("genus", "num_points"))}
        type_ = jax.numpy.stack(list(columns.values()), axis=1)
        batch = batch._replace(
            type_=type_, degrees=tap("degrees", batch.degrees), times=tap("multiplicity", batch.times)
        )
        return network(batch, tensors, tap)[0], seen
    read: Any = {name: tap(name, column) for name, column in arguments[0]._asdict().items()}
    return network(Requests(**read), *arguments[1:], tap=tap), seen


_compiled = eqx.filter_jit(_run)
