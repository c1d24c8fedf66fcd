"""Building matrix models: Leslie matrices from vital rates or life tables, Lefkovitch matrices from stage rates."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from popmath._types import Array, ArrayLike
from popmath.populations.matrix_population import Census, MatrixPopulation, as_entries, compute


def leslie_matrix(
    survival: ArrayLike,
    fertility: ArrayLike,
    *,
    census: Census = "post",
    newborn_survival: ArrayLike | float | None = None,
    plus_group: bool = False,
    names: Sequence[str] | None = None,
    interval: float = 1.0,
    unit: str = "years",
) -> MatrixPopulation:
    r"""Leslie matrix of a birth-pulse population from survival and the offspring born at each breeding.

    With offspring $m_i$ per individual of class $i$ at breeding, $s_i$ the survival of class $i$ to the next
    interval and $s_0$ that of a newborn to its first census:

    * `census="post"`, counted just after breeding: class 0 are newborns; $F_{0i} = s_i\,m_{i+1}$, an individual has
      to survive to breed, and breeds as the class it then is in.
    * `census="pre"`, counted just before breeding: class 0 is one interval old; $F_{0i} = s_0\,m_i$.

    Args:
        survival: probability to survive from each class to the next; shape `(*batch, classes)` with a plus group (the
            last is to stay in the oldest class), else `(*batch, classes - 1)`.
        fertility: offspring per individual at breeding (females per female in a one-sex model), shape
            `(*batch, classes)`, in the class that breeds.
        census: `"post"` or `"pre"` breeding.
        newborn_survival: $s_0$ of a pre-breeding census, shape `(*batch,)`; must not be given for `"post"`, where it
            is `survival[0]`.
        plus_group: whether the oldest class is open-ended.
        names: one per class; so many are there.
        interval: length of a projection interval in `unit`.
        unit: time unit.

    Returns:
        The model, its fertility apart from its survival.

    Raises:
        ValueError: for empty or mismatched rates, a rate out of its range, newborn survival missing or not wanted.

    Example:
        >>> leslie_matrix([0.5, 0.25], [0, 3, 4], census="post").A.tolist()
        [[1.5, 1.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.25, 0.0]]
        >>> leslie_matrix([0.25], [3, 4], census="pre", newborn_survival=0.5).A.tolist()
        [[1.5, 2.0], [0.25, 0.0]]

    References:
        Leslie, P. H. (1945), Biometrika 33, 183-212. Caswell, H. (2001), Matrix Population Models, 2nd ed., section
        2.2. Kendall, B. E. et al. (2019), Ecol. Modell. 406, 33-43 (the census, and errors often made with it).
    """
    alive, born = as_entries(survival), as_entries(fertility)
    classes = np.shape(born)[-1] if np.ndim(born) else 0
    wanted = classes if plus_group else classes - 1
    if classes == 0:
        raise ValueError("fertility is empty: a Leslie matrix needs at least one class.")
    if np.ndim(alive) == 0 or np.shape(alive)[-1] != wanted:
        raise ValueError(
            f"survival must have {wanted} rates for {classes} classes (one per step between classes"
            f"{', and one for the plus group' if plus_group else '; plus_group=True adds one for the oldest class'}); "
            f"got shape {np.shape(alive)}."
        )
    if census not in ("pre", "post"):
        raise ValueError(f"census must be 'pre' or 'post'; got {census!r}.")
    if (census == "pre") != (newborn_survival is not None):
        raise ValueError(
            "newborn_survival is the survival from birth to the first census: needed for census='pre', and for "
            f"census='post' it is survival[0] and must be left out; got census={census!r}, "
            f"newborn_survival={newborn_survival}."
        )
    first = as_entries(0.0 if newborn_survival is None else newborn_survival)
    _check_range("survival", alive, 1.0)
    _check_range("newborn_survival", first, 1.0)
    _check_range("fertility", born, np.inf)

    def build(alive: Array, born: Array, first: Array) -> tuple[Array, Array]:
        batch = jnp.broadcast_shapes(alive.shape[:-1], born.shape[:-1], first.shape)
        kind = jnp.result_type(alive, born)
        alive = jnp.broadcast_to(jnp.asarray(alive, kind), (*batch, wanted))
        born = jnp.broadcast_to(jnp.asarray(born, kind), (*batch, classes))
        first = jnp.broadcast_to(jnp.asarray(first, kind), batch)
        older = jnp.arange(classes - 1)
        empty = jnp.zeros((*batch, classes, classes), kind)
        up = empty.at[..., older + 1, older].set(alive[..., : classes - 1])
        if plus_group:
            up = up.at[..., -1, -1].set(alive[..., -1])
        if census == "pre":
            return up, empty.at[..., 0, :].set(first[..., None] * born)
        return up, empty.at[..., 0, :].set(jnp.einsum("...ij,...i->...j", up, born))

    U, F = compute(build, alive, born, first)
    return MatrixPopulation(U, F, names=names, interval=interval, unit=unit, census=census)


def leslie_from_life_table(
    survivorship: ArrayLike,
    maternity: ArrayLike,
    *,
    census: Census = "post",
    names: Sequence[str] | None = None,
    interval: float = 1.0,
    unit: str = "years",
) -> MatrixPopulation:
    r"""Leslie matrix of a birth-pulse life table: the share alive at each age and the offspring then born.

    $s_x = l_{x+1}/l_x$ for ages $x = 0, 1, \dots$ With `"post"` the classes are ages 0 to the last but one and
    $F_{0x} = s_x m_{x+1}$; with `"pre"` they are ages 1 to the last and $F_{0x} = l_1 m_x$. Both have the same growth
    rate, the root of $\sum_{x \ge 1} l_x m_x \lambda^{-x} = 1$. After the last age nobody lives.

    Args:
        survivorship: $l_x$ at ages 0, 1, ..., in intervals; starts with 1 (or the size of the cohort, by which it is
            divided) and never rises; shape `(ages,)`, at least 2 ages, the last above 0.
        maternity: $m_x$, offspring per individual on reaching age $x$, shape `(ages,)`; the first must be 0.
        census: `"post"` or `"pre"` breeding.
        names: one per class, `ages - 1` of them.
        interval: length of an age interval in `unit`.
        unit: time unit.

    Raises:
        ValueError: for an empty table, columns of different lengths, survivorship that rises or is 0 before the last
            age, or newborns that breed.

    Example:
        >>> table = leslie_from_life_table([1.0, 0.5, 0.25], [0, 2, 4])
        >>> table.A.tolist()
        [[1.0, 2.0], [0.5, 0.0]]
        >>> leslie_from_life_table([1.0, 0.5, 0.25], [0, 2, 4], census="pre").A.tolist()
        [[1.0, 2.0], [0.5, 0.0]]

    References:
        Caswell, H. (2001), section 2.2.2.
    """
    alive, born = as_entries(survivorship), as_entries(maternity)
    if np.ndim(alive) != 1 or np.shape(alive)[0] < 2:
        raise ValueError(f"a life table needs at least two ages, survivorship of shape (ages,); got {np.shape(alive)}.")
    if np.shape(alive) != np.shape(born):
        raise ValueError(f"survivorship and maternity must be one per age; got {np.shape(alive)} and {np.shape(born)}.")
    if not isinstance(alive, Tracer):
        table = np.asarray(alive)
        if not (np.isfinite(table).all() and (table > 0).all()):
            raise ValueError(f"survivorship must be finite and above 0 (end the table there); got {table.tolist()}.")
        rises = np.flatnonzero(np.diff(table) > 0)
        if rises.size:
            raise ValueError(
                f"survivorship must never rise: it goes from {table[rises[0]]} at age {rises[0]} to "
                f"{table[rises[0] + 1]} at age {rises[0] + 1}."
            )
    if not isinstance(born, Tracer) and born[0] != 0:
        raise ValueError(f"maternity at age 0 must be 0, newborns do not breed when born; got {float(born[0])}.")
    steps = alive[1:] / alive[:-1]
    if census == "pre":
        return leslie_matrix(
            steps[1:], born[1:], census="pre", newborn_survival=steps[0], names=names, interval=interval, unit=unit
        )
    model = leslie_matrix(steps, born, census=census, interval=interval, unit=unit)
    U, F = (part[:-1, :-1] for part in (model.U, model.F))
    return MatrixPopulation(U, F, names=names, interval=interval, unit=unit, census="post")


def lefkovitch_matrix(
    survival: ArrayLike,
    growth: ArrayLike,
    fertility: ArrayLike,
    *,
    shrinkage: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    interval: float = 1.0,
    unit: str = "years",
    census: Census | None = None,
) -> MatrixPopulation:
    r"""Stage-classified model from vital rates: survive, then grow, shrink or stay.

    $U_{i+1,i} = \sigma_i\gamma_i$, $U_{i-1,i} = \sigma_i\rho_i$, $U_{ii} = \sigma_i(1 - \gamma_i - \rho_i)$,
    $F_{0i} = f_i$.

    Args:
        survival: $\sigma$, probability to survive an interval in each stage, shape `(stages,)`.
        growth: $\gamma$, probability of a survivor to move to the next stage; the last must be 0.
        fertility: $f$, individuals of stage 0 at the next census per individual, shape `(stages,)`: whatever the
            census asks for is already in it.
        shrinkage: $\rho$, probability of a survivor to move one stage back; the first must be 0; None for none.
        names: one per stage; `interval`, `unit` and `census` as in `MatrixPopulation`.
        interval: see `names`.
        unit: see `names`.
        census: see `names`.

    Raises:
        ValueError: for rates of different lengths or out of range, or a move beyond the first or last stage.

    Example:
        >>> lefkovitch_matrix([0.5, 0.8], [0.5, 0], [0, 3]).A.tolist()
        [[0.25, 3.0], [0.25, 0.8]]

    References:
        Lefkovitch, L. P. (1965), Biometrics 21, 1-18. Caswell, H. (2001), section 4.2.
    """
    stay, grow, born = (as_entries(values) for values in (survival, growth, fertility))
    shrink = grow * 0 if shrinkage is None else as_entries(shrinkage)
    shapes = [np.shape(values) for values in (stay, grow, born, shrink)]
    if len(shapes[0]) != 1 or 0 in shapes[0] or len(set(shapes)) != 1:
        raise ValueError(f"survival, growth, fertility and shrinkage must be one per stage, not empty; got {shapes}.")
    for name, values, most in [("survival", stay, 1.0), ("growth", grow, 1.0), ("shrinkage", shrink, 1.0)]:
        _check_range(name, values, most)
    _check_range("fertility", born, np.inf)
    _check_range("growth + shrinkage", grow + shrink, 1.0)
    for name, values, end in [("growth", grow, -1), ("shrinkage", shrink, 0)]:
        if not isinstance(values, Tracer) and values[end] != 0:
            raise ValueError(f"{name} of the {'last' if end else 'first'} stage must be 0; got {float(values[end])}.")

    def build(stay: Array, grow: Array, born: Array, shrink: Array) -> tuple[Array, Array]:
        up, down = jnp.diag((stay * grow)[:-1], -1), jnp.diag((stay * shrink)[1:], 1)
        U = up + down + jnp.diag(stay * (1 - grow - shrink))
        return U, jnp.zeros_like(U).at[0].set(born)

    U, F = compute(build, stay, grow, born, shrink)
    return MatrixPopulation(U, F, names=names, interval=interval, unit=unit, census=census)


def _check_range(name: str, values: Array, most: float) -> None:
    """Refuse rates below 0, above `most` or not finite, naming the first class (from 0) that has one."""
    if isinstance(values, Tracer):
        return
    wrong = np.argwhere(~(np.isfinite(values) & (np.asarray(values) >= 0) & (np.asarray(values) <= most)))
    if wrong.size:
        index = tuple(int(i) for i in wrong[0])
        domain = "finite and at least 0" if np.isinf(most) else f"between 0 and {most:g}"
        raise ValueError(f"{name}{list(index) or ''} must be {domain}; got {float(values[index])}.")
