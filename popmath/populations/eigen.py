"""Asymptotic analysis: the dominant eigenvalue, its vectors and its derivatives, for one matrix or a batch."""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse.csgraph
from jaxtyping import Float

from popmath._types import Array
from popmath.populations.matrix_population import Matrix, compute, read_matrix, read_one


class EigenAnalysis(NamedTuple):
    """The asymptotic indices of `eigen_analysis`; leading axes are those of the batch.

    Attributes:
        growth_rate: dominant eigenvalue, per projection interval.
        stable_distribution: right vector, sums to 1.
        reproductive_value: left vector, first class 1.
        sensitivity: derivative of the growth rate in each entry.
        elasticity: proportional derivative, sums to 1.
        damping_ratio: growth rate over the modulus of the next largest eigenvalue.
        oscillation_period: of the subdominant eigenvalue, in projection intervals.
    """

    growth_rate: Float[Array, "*batch"]
    stable_distribution: Float[Array, "*batch classes"]
    reproductive_value: Float[Array, "*batch classes"]
    sensitivity: Float[Array, "*batch classes classes"]
    elasticity: Float[Array, "*batch classes classes"]
    damping_ratio: Float[Array, "*batch"]
    oscillation_period: Float[Array, "*batch"]


@dataclasses.dataclass(frozen=True)
class Structure:
    """What the life-cycle graph of one matrix says, whatever the size of its entries.

    Attributes:
        irreducible: every class reaches every other.
        primitive: irreducible with period 1; then every start converges to the stable distribution.
        ergodic: every class reaches the dominant classes, and these have period 1: the long-run growth rate does not
            depend on the start.
        period: of the dominant classes; above 1 the population cycles for ever around its trend.
        dominant_classes: the classes (from 0) that reach each other and set the growth rate.
        num_dominant: how many such groups share the largest eigenvalue; above 1 it is no simple eigenvalue.
    """

    irreducible: bool
    primitive: bool
    ergodic: bool
    period: int
    dominant_classes: tuple[int, ...]
    num_dominant: int


def growth_rate(matrix: Matrix) -> Float[Array, "*batch"]:
    r"""Long-run growth per projection interval: the dominant eigenvalue $\lambda$ of $A$.

    Its derivative is $d\lambda = v^\top dA\,w / v^\top w$, and itself differentiable: `jax.hessian` works.

    Args:
        matrix: a `MatrixPopulation`, or entries of shape `(*batch, classes, classes)`.

    Returns:
        Shape `(*batch,)`, in float64 unless JAX is tracing.

    Raises:
        ValueError: if the matrix is not square or has negative or non-finite entries.

    Example:
        >>> print(growth_rate([[0.0, 2.0], [0.5, 0.0]]))
        1.0

    References:
        Caswell, H. (2001), Matrix Population Models, 2nd ed., sections 4.5 and 9.1.
    """
    return compute(_growth_rate, read_matrix(matrix))


def stable_distribution(matrix: Matrix) -> Float[Array, "*batch classes"]:
    """Right eigenvector of the growth rate, summing to 1: the class structure in the long run (see `growth_rate`)."""
    return compute(_stable_distribution, read_matrix(matrix))


def reproductive_value(matrix: Matrix) -> Float[Array, "*batch classes"]:
    """Left eigenvector of the growth rate, scaled to 1 for the first class (see `growth_rate`).

    Not finite where the first class has reproductive value 0.
    """
    return compute(_reproductive_value, read_matrix(matrix))


def sensitivity(matrix: Matrix) -> Float[Array, "*batch classes classes"]:
    r"""Derivative of the growth rate in every entry, $v_i w_j / v^\top w$, zeros included (see `growth_rate`)."""
    return compute(_sensitivity, read_matrix(matrix))


def elasticity(matrix: Matrix) -> Float[Array, "*batch classes classes"]:
    r"""Proportional sensitivity $(a_{ij}/\lambda)\,\partial\lambda/\partial a_{ij}$; sums to 1 (see `growth_rate`)."""
    return eigen_analysis(matrix).elasticity


def damping_ratio(matrix: Matrix) -> Float[Array, "*batch"]:
    r"""$\lambda_1 / |\lambda_2|$, the rate of convergence; 1 if imprimitive, infinite if all others are 0."""
    return eigen_analysis(matrix).damping_ratio


def oscillation_period(matrix: Matrix) -> Float[Array, "*batch"]:
    r"""$2\pi/|\arg\lambda_2|$ in projection intervals; infinite where $\lambda_2$ is positive: no oscillation."""
    return eigen_analysis(matrix).oscillation_period


def growth_rate_hessian(matrix: Matrix) -> Float[Array, "*batch classes classes classes classes"]:
    r"""Second derivatives: `[..., i, j, k, l]` is $\partial^2\lambda/\partial a_{ij}\,\partial a_{kl}$.

    Example:
        >>> print(growth_rate_hessian([[0.0, 2.0], [0.5, 0.0]])[0, 1, 1, 0].round(12))  # lambda = sqrt(a01 a10)
        0.25

    References:
        Caswell, H. (1996), Theor. Popul. Biol. 50, 366-390.
    """
    return compute(_growth_rate_hessian, read_matrix(matrix))


def eigen_analysis(matrix: Matrix) -> EigenAnalysis:
    """All asymptotic indices at once; the fast way for many matrices (see `growth_rate` for the argument).

    Example:
        >>> print(eigen_analysis([[0.0, 2.0], [0.5, 0.25]]).damping_ratio.round(6))
        1.283196
    """
    return EigenAnalysis(*compute(_eigen_analysis, read_matrix(matrix)))


def structure_of(matrix: Matrix) -> Structure:
    """Reducibility, period and dominant classes of one matrix, from its life-cycle graph.

    Args:
        matrix: one model or matrix (no batch), of numbers.

    Raises:
        ValueError: for a batch, or entries that are negative or not finite.

    Example:
        >>> structure_of([[0.0, 2.0], [0.5, 0.0]])
        Structure(irreducible=True, primitive=False, ergodic=False, period=2, dominant_classes=(0, 1), num_dominant=1)

    References:
        Caswell, H. (2001), section 4.5.1. Stott, I. et al. (2010), Methods Ecol. Evol. 1, 242-252 (ergodicity).
    """
    entries = np.asarray(read_one(matrix))
    graph = entries.T > 0  # graph[j, i]: j contributes to i
    groups = strong_groups(graph)
    roots = [float(np.max(np.abs(np.linalg.eigvals(entries[np.ix_(g, g)])))) for g in groups]
    top = int(np.argmax(roots))
    num_dominant = int(np.sum(np.asarray(roots) >= roots[top] * (1 - 1e-9)))
    core = groups[top]
    period = loop_period(graph[np.ix_(core, core)])
    order = len(entries)
    reach = np.eye(order, dtype=bool) | graph
    for _ in range(max(1, math.ceil(math.log2(order)))):
        reach = (reach.astype(int) @ reach.astype(int)) > 0
    whole = len(groups) == 1
    ergodic = period == 1 and num_dominant == 1 and bool(reach[:, core[0]].all())
    return Structure(whole, whole and period == 1, ergodic, period, tuple(int(i) for i in core), num_dominant)


def strong_groups(graph: np.ndarray) -> list[np.ndarray]:
    """The classes (from 0) that reach each other, group by group; a graph and its transpose have the same."""
    _, labels = scipy.sparse.csgraph.connected_components(graph, connection="strong")
    return [np.flatnonzero(labels == label) for label in range(labels.max() + 1)]


def loop_period(graph: np.ndarray) -> int:
    """Greatest common divisor of the loop lengths of a strongly connected graph (0 edges: 1)."""
    depth = scipy.sparse.csgraph.shortest_path(graph.astype(float), unweighted=True, indices=0)
    start, end = np.nonzero(graph)
    return math.gcd(*(int(depth[i] + 1 - depth[j]) for i, j in zip(start, end, strict=True))) or 1


def _roots(matrix: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Dominant eigenvalue, right and left vector (both sum to 1), and the subdominant eigenvalue; not differentiable.

    The vectors come from the inverse of a matrix just above the eigenvalue, which has no negative entry.
    """
    values = jnp.linalg.eigvals(matrix)
    first = jnp.argmax(values.real)
    value = values[first].real
    others = jnp.where(jnp.arange(values.size) == first, 0.0, values)
    second = others[jnp.argmax(jnp.abs(others))]
    tiny = jnp.sqrt(jnp.finfo(matrix.dtype).eps)
    size = jnp.max(jnp.abs(matrix))
    near = jnp.maximum(value * (1 + tiny), jnp.where(size > 0, tiny * size, 1.0))
    inverse = jnp.linalg.inv(near * jnp.eye(values.size, dtype=matrix.dtype) - matrix)
    inverse = inverse / jnp.max(jnp.abs(inverse))
    right, left = jnp.abs(jnp.sum(inverse, axis=1)), jnp.abs(jnp.sum(inverse, axis=0))
    for _ in range(2):
        right, left = jnp.dot(inverse, right), jnp.dot(left, inverse)
        right, left = jnp.abs(right) / jnp.sum(jnp.abs(right)), jnp.abs(left) / jnp.sum(jnp.abs(left))
    better = jnp.dot(left, jnp.dot(matrix, right)) / jnp.dot(left, right)
    value = jnp.where(value > tiny * size, better, jnp.maximum(value, 0.0))
    return value, right, left, second


@jax.custom_jvp
def perron_vectors(matrix: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Dominant eigenvalue, right and left vector (both sum to 1) of one matrix, with derivatives of every order."""
    return _roots(jax.lax.stop_gradient(matrix))[:3]


@perron_vectors.defjvp
def _perron_vectors_jvp(primals, tangents):
    (matrix,), (change,) = primals, tangents
    value, right, left = perron_vectors(matrix)
    change_right, change_value = _bordered(matrix, value, right, jnp.dot(change, right))
    change_left, _ = _bordered(matrix.T, value, left, jnp.dot(left, change))
    return (value, right, left), (change_value, change_right, change_left)


def _bordered(matrix: jax.Array, value: jax.Array, vector: jax.Array, push: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Solve `(matrix - value) dx - vector dvalue = -push`, `sum(dx) = 0`."""
    n = vector.size
    top = jnp.concatenate([matrix - value * jnp.eye(n, dtype=matrix.dtype), -vector[:, None]], axis=1)
    border = jnp.concatenate([jnp.ones(n, matrix.dtype), jnp.zeros(1, matrix.dtype)])
    solved = jnp.linalg.solve(
        jnp.concatenate([top, border[None, :]]), jnp.concatenate([-push, jnp.zeros(1, matrix.dtype)])
    )
    return solved[:n], solved[n]


@jax.custom_jvp
def dominant_value(matrix: jax.Array) -> jax.Array:
    """Dominant eigenvalue of one matrix, with derivatives of every order."""
    return perron_vectors(matrix)[0]


@dominant_value.defjvp
def _dominant_value_jvp(primals, tangents):
    (matrix,), (change,) = primals, tangents
    value, right, left = perron_vectors(matrix)
    return value, jnp.sum(change * _outer(left, right))


def _outer(left: jax.Array, right: jax.Array) -> jax.Array:
    return left[:, None] * right[None, :] / jnp.dot(left, right)


def scaled_vectors(matrix: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The same as `perron_vectors` with the left vector scaled to `left @ right` = 1."""
    value, right, left = perron_vectors(matrix)
    return value, right, left / jnp.dot(left, right)


def entry_sensitivity(matrix: jax.Array) -> jax.Array:
    """Derivative of the dominant eigenvalue of one matrix in each entry."""
    return _outer(*perron_vectors(matrix)[:0:-1])


def _analysis(matrix: jax.Array) -> tuple[jax.Array, ...]:
    value, right, left = perron_vectors(matrix)
    second = _roots(matrix)[3]
    slopes = _outer(left, right)
    damping = value / jnp.abs(second)
    turn = jnp.abs(jnp.angle(second))
    period = jnp.where(turn > 0, 2 * jnp.pi / jnp.where(turn > 0, turn, 1.0), jnp.inf)
    return value, right, left / left[0], slopes, matrix * slopes / value, damping, period


_growth_rate = jax.jit(jnp.vectorize(dominant_value, signature="(n,n)->()"))
_stable_distribution = jax.jit(jnp.vectorize(lambda a: perron_vectors(a)[1], signature="(n,n)->(n)"))
_reproductive_value = jax.jit(
    jnp.vectorize(lambda a: perron_vectors(a)[2] / perron_vectors(a)[2][0], signature="(n,n)->(n)")
)
_sensitivity = jax.jit(jnp.vectorize(entry_sensitivity, signature="(n,n)->(n,n)"))
_growth_rate_hessian = jax.jit(jnp.vectorize(jax.hessian(dominant_value), signature="(n,n)->(n,n,n,n)"))
_eigen_analysis = jax.jit(jnp.vectorize(_analysis, signature="(n,n)->(),(n),(n),(n,n),(n,n),(),()"))
