"""The reproductive block of a projection matrix: what is left without the classes that lead to no loop."""

from __future__ import annotations

import dataclasses

import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from popmath._errors import UnableError
from popmath.populations.eigen import strong_groups
from popmath.populations.matrix_population import Matrix, MatrixPopulation, default_names, read_one


@dataclasses.dataclass(frozen=True, eq=False)
class ReproductiveBlock:
    """A projection matrix restricted to the classes that lead to a loop of the life cycle.

    Attributes:
        matrix: the block, shape `(kept, kept)`.
        kept: numbers (from 0) of its classes.
        left_out: numbers of the other classes.
        kept_names: names of the classes of the block.
        left_out_names: names of the other classes.
    """

    matrix: Float[np.ndarray, "kept kept"]
    kept: tuple[int, ...]
    left_out: tuple[int, ...]
    kept_names: tuple[str, ...]
    left_out_names: tuple[str, ...]

    def summary(self) -> str:
        """One line: which classes are left out."""
        if not self.left_out:
            return f"all {len(self.kept)} classes lead to a loop: none is left out"
        return f"{len(self.kept)} classes kept; left out, as they lead to no loop: {', '.join(self.left_out_names)}"


def reproductive_block(matrix: Matrix) -> ReproductiveBlock:
    r"""Leave out the classes whose individuals lead to no loop of the life cycle (post-reproductive ages).

    A Leslie matrix whose last fertilities are 0 is singular and has no logarithm. The classes after the last
    reproductive age lead nowhere: in the order (kept, left out)

    $$L = \begin{pmatrix} B & 0 \\ C & K \end{pmatrix},\qquad K^m = 0$$

    so the kept classes evolve by $B$ alone, exactly, and $B$ has all eigenvalues of $L$ but zeros. A post-reproductive
    class with survival in place (a plus group) is a loop of its own: it makes nothing singular and is kept.
    **[derived]** in this project; it is not taken from a paper.

    Args:
        matrix: one `MatrixPopulation`, or entries of shape `(classes, classes)`.

    Returns:
        The block, and which classes it keeps and leaves out.

    Raises:
        ValueError: for a batch or a bad matrix.
        UnableError: if no class leads to a loop (every eigenvalue is 0), or inside `jax.jit`.

    Example:
        >>> block = reproductive_block([[0.5, 2.0, 0.0], [0.4, 0.0, 0.0], [0.0, 0.3, 0.0]])
        >>> print(block.matrix.tolist(), block.left_out_names)
        [[0.5, 2.0], [0.4, 0.0]] ('class 3',)

    References:
        Caswell, H. (2001), Matrix Population Models, 2nd ed., section 4.5.4 (post-reproductive classes).
    """
    entries = read_numbers(matrix)
    names = matrix.class_names if isinstance(matrix, MatrixPopulation) else default_names(len(entries))
    keeps = leads_to_loop(entries)
    if not keeps.any():
        raise UnableError(
            "no class leads to a loop of the life cycle: every eigenvalue is 0 and the population is gone within "
            f"{len(entries)} intervals. There is no reproductive block; check that the fertilities are in the matrix."
        )
    kept, left_out = (tuple(np.flatnonzero(which).tolist()) for which in (keeps, ~keeps))
    return ReproductiveBlock(
        matrix=entries[np.ix_(kept, kept)],
        kept=kept,
        left_out=left_out,
        kept_names=tuple(names[i] for i in kept),
        left_out_names=tuple(names[i] for i in left_out),
    )


def leads_to_loop(entries: np.ndarray) -> np.ndarray:
    """Which classes lead to a loop of the life-cycle graph, in any number of steps; shape `(classes,)`."""
    graph = entries.T > 0  # graph[j, i]: j contributes to i
    found = np.zeros(len(entries), dtype=bool)
    for group in strong_groups(graph):
        found[group] = len(group) > 1 or graph[group[0], group[0]]
    for _ in range(len(entries)):
        found = found | (graph & found[None, :]).any(axis=1)
    return found


def read_numbers(matrix: Matrix) -> np.ndarray:
    """One matrix of numbers, checked; what JAX is tracing is refused."""
    values = read_one(matrix)
    if isinstance(values, Tracer):
        raise UnableError("this makes a record of numbers with checks on them: call it outside jax.jit and jax.grad.")
    return np.asarray(values, dtype=np.float64)
