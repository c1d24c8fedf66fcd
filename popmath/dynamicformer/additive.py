r"""A sum over degrees and a function of the type: what grows with the genus, where the target is log F itself."""

from __future__ import annotations

from functools import cache
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from popmath._errors import UnableError
from popmath._types import Array
from popmath.dynamicformer.encoding import Requests
from popmath.dynamicformer.features import equals
from popmath.dynamicformer.layers import Linear

LARGEST = 4095  # degree and level that the tables of functions reach
_SMOOTH, _SMALL = 5, np.arange(9)
_LEAST_RIDGE = 1e-6  # functions are in single precision
_USUAL = (60, 40)  # degree and level up to which functions are made orthogonal


@final
class AdditivePart(eqx.Module):
    r"""$\sum_d p_d\,\phi(d)\cdot u(c) + \psi(2g-2+n, n)\cdot v(c)$, linear in what is learned.

    $\phi$ are the functions 1, $d$, $(d+\tfrac12)\log(d+\tfrac12)$, $\log(d+\tfrac12)$, $1/(d+1)$, made orthogonal on
    0..60, and one for each degree up to 8; $\psi$ those of the level without the last nine, and $n$. Weights are affine
    in the context c, which there need not be; where there is one, $\psi$ has the same functions of $3g-3+n-\sum_i d_i$
    too, which is 0 for psi classes. Beyond the training range it goes on as it did within it: the functions
    are those of Stirling's series.

    Attributes:
        degree: weights of the functions of a degree for 1 and each number of the context.
        level: the same of the functions of the type.
    """

    degree: Float[Array, "context degree_functions"]
    level: Float[Array, "context level_functions"]

    @classmethod
    def random(cls, context: int, key: Array) -> AdditivePart:
        """Small weights."""
        keys = jax.random.split(key)
        sizes = (_SMOOTH + len(_SMALL), _SMOOTH + 1 + (_SMOOTH if context else 0))
        return cls(*(0.01 * jax.random.normal(k, (1 + context, size)) for k, size in zip(keys, sizes, strict=True)))

    def __call__(self, requests: Requests, context: Array) -> Array:
        """Shape `(batch,)`; `context` has shape `(batch, numbers)`."""
        given = jnp.concatenate([jnp.ones((len(context), 1)), context], axis=1)
        of_degrees, of_level = _functions(requests, several=context.shape[1] > 0)
        return jnp.sum(of_degrees * (given @ self.degree), axis=1) + jnp.sum(of_level * (given @ self.level), axis=1)

    @classmethod
    def through(cls, context: Array, weights: list[tuple[Array, Array]]) -> AdditivePart:
        """The smallest affine weights that are these at these contexts, shape `(theories, numbers)`."""
        both = (Linear.through(context, np.stack(list(each))) for each in zip(*weights, strict=True))
        return cls(*(jnp.concatenate([each.bias[None], each.weight]) for each in both))


def least_squares(requests: Requests, target: np.ndarray, several: bool) -> tuple[Array, Array]:
    """Weights of the functions of a degree and of the type, for one theory of `several` or the only one.

    Of several, the functions are all but dependent, and weights in the hundreds would cancel. A ridge of the size of
    the errors keeps them small, and makes the errors larger by a thousandth.
    """
    columns = [np.asarray(each, float) for each in _functions(requests, several)]
    functions = np.concatenate(columns, axis=1)
    weights = np.linalg.lstsq(functions, target, rcond=1e-7)[0]
    if several:
        error = max(np.sqrt(np.mean((functions @ weights - target) ** 2)), _LEAST_RIDGE)
        ridge = np.concatenate([functions, error * np.eye(len(weights))])
        both = ridge, np.concatenate([target, np.zeros(len(weights))])
        weights = np.linalg.lstsq(*both, rcond=None)[0]
    weights = jnp.asarray(weights, jnp.float32)
    return weights[: columns[0].shape[1]], weights[columns[0].shape[1] :]


def _functions(requests: Requests, several: bool) -> tuple[Array, Array]:
    """Sums over the points of the functions of a degree, shape `(batch, 14)`, and those of the type (6, or 11)."""
    times = jnp.asarray(requests.multiplicity, jnp.float32)
    smooth = _table(_USUAL[0])[jnp.maximum(jnp.asarray(requests.degrees), 0)]
    of_degree = jnp.concatenate([smooth, equals(requests.degrees, _SMALL)], axis=-1)
    n = jnp.asarray(requests.num_points, jnp.float32)
    level = 2 * jnp.asarray(requests.genus) - 2 + requests.num_points
    of_level = [_table(_USUAL[1])[level], (n[:, None] - 8) / 6]
    if several:
        left = 3 * jnp.asarray(requests.genus) - 3 + requests.num_points - requests.total_degree
        of_level.append(_table(_USUAL[1])[left])
    return jnp.einsum("btf,bt->bf", of_degree, times), jnp.concatenate(of_level, axis=1)


def check_reach(requests: Requests) -> None:
    """Refuse what the tables do not reach.

    Raises:
        UnableError: for a degree, 2g - 2 + n, or 3g - 3 + n above 4095.
    """
    dimension = requests.level + requests.genus - 1
    numbers = {"degree": requests.degrees, "2g - 2 + n": requests.level, "3g - 3 + n": dimension}
    for name, largest in ((name, number.max(initial=0)) for name, number in numbers.items()):
        if largest > LARGEST:
            raise UnableError(f"a {name} of {largest} is beyond this network, which reaches {LARGEST}.")


@cache
def _orthogonal(usual: int) -> np.ndarray:
    """The smooth functions of 0..4095, orthonormal on 0..usual."""
    x = np.arange(LARGEST + 1.0)
    functions = np.stack([np.ones_like(x), x, (x + 0.5) * np.log(x + 0.5), np.log(x + 0.5), 1 / (x + 1)], axis=1)
    upper = np.asarray(np.linalg.qr(functions[: usual + 1])[1])
    return (np.linalg.solve(upper.T, functions.T).T * np.sqrt(usual + 1)).astype(np.float32)


def _table(usual: int) -> Array:
    return jnp.asarray(_orthogonal(usual))
