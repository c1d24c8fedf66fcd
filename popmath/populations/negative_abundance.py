"""When the linear predator-prey model first has a negative class, and whether it must have one in the end."""

from __future__ import annotations

import dataclasses
import functools
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from popmath._types import ArrayLike
from popmath.populations.model import check_whole
from popmath.populations.predator_prey import LesliePredatorPrey, linear_blocks
from popmath.populations.simulation import check_state

LongRun = Literal["turns negative", "stays positive", "undecided"]
_TIED = 1e-9  # relative difference of moduli that counts as none
_EXCITED = 1e-9  # share of the start in an eigenvector that still counts as there
_SEEN = 1e-7  # share of a class in the leading vector whose sign is trusted


@dataclasses.dataclass(frozen=True, eq=False)
class NegativeAbundance:
    """Where the linear model first falls below 0.

    Attributes:
        step: first interval after which a class is below 0; None if there is none within `num_steps`.
        species: whose class it is (the lowest relative to the whole, if there are several); None as `step`.
        class_name: its name; None as `step`.
        value: its abundance; None as `step`, or where it is beyond the range of float64.
        num_steps: how far was looked.
        long_run: what the eigenvalues say, however long it takes: `"turns negative"` (a class is below 0 at infinitely
            many times), `"stays positive"` (from some time on no class is), or `"undecided"`.
        reason: why.
    """

    step: int | None
    species: str | None
    class_name: str | None
    value: float | None
    num_steps: int
    long_run: LongRun
    reason: str

    @property
    def found(self) -> bool:
        """Whether a class is negative within `num_steps`."""
        return self.step is not None

    def summary(self) -> str:
        """What happens, and what the long run brings."""
        if self.step is None:
            first = f"none negative within {self.num_steps} intervals"
        else:
            value = "beyond float64" if self.value is None else f"{self.value:.4g}"
            first = f"after {self.step} intervals {self.class_name!r} of {self.species!r} is negative ({value})"
        return f"{first}; long run: {self.long_run}, as {self.reason}"


def first_negative(model: LesliePredatorPrey, initial: ArrayLike, num_steps: int) -> NegativeAbundance:
    r"""The first interval after which a class of the linear model is below 0, and the verdict of the long run.

    States are rescaled on the way, so that growth does not end the search; below 0 means by more than the rounding of
    one step. For the long run the start is written in the eigenvectors of $M$ (with migration, of the matrix that
    includes it). If none of the largest eigenvalues present is positive and real, as with a complex pair, the leading
    part has mean 0 over time, and classes in it must change sign for ever. If a single positive one leads, the sign of
    its vector decides.

    Args:
        model: in either mode: a clipped model is the same until it is first clipped, and `long_run` is then about the
            linear model behind it.
        initial: state at time 0, shape `(states,)`, at least 0.
        num_steps: how many intervals to look at, at least 0.

    Raises:
        ValueError: for a wrong `initial` or `num_steps`.

    Example:
        >>> hunt = LesliePredatorPrey([[1.0]], [[1.0]], predation=[[0.1]], conversion=[[0.1]])
        >>> found = first_negative(hunt, [1.0, 1.0], num_steps=100)
        >>> print(found.step, found.species, round(found.value, 6), found.long_run)
        8 prey -0.017587 turns negative
    """
    check_whole("num_steps", num_steps, 0)
    lx, p, q, ly = linear_blocks(dataclasses.replace(model, mode="linear"))
    size = model.num_states
    moved = np.zeros(size) if model.migration is None else np.asarray(model.migration, np.float64)
    with jax.enable_x64(True):
        start = np.append(np.asarray(check_state(model, initial)), 1.0)
        matrix = np.block([[lx, -p, moved[:size][: len(lx), None]], [q, ly, moved[len(lx) :, None]]])
        matrix = np.vstack([matrix, np.append(np.zeros(size), 1.0)])
        step, state, exponent = (np.asarray(found) for found in _search(matrix, start, int(num_steps)))
    if model.migration is None:
        long_run, reason = _long_run(matrix[:-1, :-1], start[:-1], size)
    else:
        long_run, reason = _long_run(matrix, start, size)
    if not (state[:-1] < 0).any():
        return NegativeAbundance(None, None, None, None, int(num_steps), long_run, reason)
    worst = int(np.argmin(state[:-1]))
    with np.errstate(over="ignore"):
        value = float(np.ldexp(state[worst], int(exponent)))
    species, class_name = model.state_names[worst]
    kept = value if np.isfinite(value) else None
    return NegativeAbundance(int(step), species, class_name, kept, int(num_steps), long_run, reason)


@functools.partial(jax.jit)
def _search(matrix: jax.Array, start: jax.Array, num_steps: jax.Array | int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Step, state over 2**exponent and exponent, where first an entry is below 0, or after `num_steps`."""
    rounding = matrix.shape[0] * jnp.finfo(matrix.dtype).eps

    def goes_on(carry):
        step, state, _ = carry
        return (step < num_steps) & jnp.all(state >= 0)

    def one(carry):
        step, state, exponent = carry
        after = jnp.dot(matrix, state)
        noise = rounding * jnp.dot(jnp.abs(matrix), jnp.abs(state))
        after = jnp.where((after < 0) & (after > -noise), 0.0, after)
        shift = jnp.frexp(jnp.max(jnp.abs(after)))[1]
        shift = jnp.where(jnp.abs(shift) > 64, shift, 0)
        return step + 1, jnp.ldexp(after, -shift), exponent + shift

    zero = jnp.zeros((), jnp.int64)
    return jax.lax.while_loop(goes_on, one, (zero, start, zero.astype(jnp.int32)))


def _long_run(matrix: np.ndarray, start: np.ndarray, size: int) -> tuple[LongRun, str]:
    """Verdict and reason from the largest eigenvalues that the start has a part in; the first `size` entries count."""
    values, vectors = scipy.linalg.eig(matrix)
    if not start.any():
        return "stays positive", "nothing is there"
    if np.linalg.cond(vectors) > 1e10:
        return "undecided", "the matrix is defective, or nearly: its eigenvectors do not span the start"
    parts = vectors * np.linalg.solve(vectors, start.astype(complex))  # columns sum to start
    seen = np.abs(parts[:size]).max(axis=0) > _EXCITED * np.abs(start).max()
    if not seen.any():
        return "undecided", "no eigenvector is clearly present in the start"
    moduli = np.abs(values)
    top = moduli[seen].max()
    if top <= 1e-12 * max(1.0, np.abs(matrix).max()):
        return "undecided", "all dies out in finite time"
    if parts[:size, moduli > top * (1 + _TIED)].any():
        return "undecided", "a larger eigenvalue may be present in the start by less than can be told"
    leading = seen & (moduli >= top * (1 - _TIED))
    positive = leading & (np.abs(values.imag) <= _TIED * top) & (values.real > 0)
    if not positive.any():
        names = ", ".join(f"{value:.4g}" for value in values[leading])
        return "turns negative", (
            f"the leading eigenvalues {names} include no positive one, so that what they carry changes sign for ever"
        )
    if leading.sum() > 1:
        return "undecided", "several eigenvalues of the same modulus lead, a positive one among them"
    carried = parts[:size, positive][:, 0].real
    share = carried / np.abs(carried).max()
    name = f"the leading eigenvalue {values[positive][0].real:.4g}"
    if (share < -_SEEN).any():
        return "turns negative", f"{name} is positive and carries a negative class"
    if (share > _SEEN).all():
        return "stays positive", f"{name} is positive and carries every class positive"
    return "undecided", f"{name} leaves a class at 0, whose sign smaller eigenvalues decide"
