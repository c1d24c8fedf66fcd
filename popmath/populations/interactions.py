"""What one species of a community does to another: linear effects, predation by mass action, regulation by density."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, final, get_args

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from popmath._types import Array, ArrayLike
from popmath.populations.functional_response import RESPONSES, Response
from popmath.populations.matrix_population import as_entries

EffectKind = Literal["competition", "predation", "conversion", "facilitation"]
RegulationForm = Literal["leslie_gower", "ricker", "theta"]
ActsOn = Literal["all", "fertility", "survival"]
SIGNS: dict[str, int] = {"competition": -1, "predation": -1, "conversion": 1, "facilitation": 1}


def as_block(values: ArrayLike | float) -> Array:
    """A block as a matrix; a number is a block of one class by one class."""
    block = as_entries(values)
    return block if np.ndim(block) else jnp.reshape(block, (1, 1)) if isinstance(block, Tracer) else block[None, None]


def as_weights(values: object) -> dict[str, Array]:
    """Numbers, or one number per class, by species."""
    if not isinstance(values, Mapping):
        raise ValueError(f"weights must map species to numbers, as in {{'hare': 0.01}}; got {values!r}.")
    return {name: as_entries(value) for name, value in values.items()}


@final
class LinearEffect(eqx.Module):
    r"""A linear effect of one species on another, by class: $x_i' \mathrel{+}= \pm B\,x_j$.

    Competition and predation take from the species (minus), conversion and facilitation add to it (plus): Leslie
    predation is the pair of a `"predation"` on the prey and a `"conversion"` on the predator.

    Args:
        kind: `"competition"`, `"predation"` (both are subtracted), `"conversion"` or `"facilitation"` (both are added).
        on: the species that feels the effect.
        of: the species that has it.
        block: `block[a, b]` individuals of class a of `on` that one individual of class b of `of` takes or adds in an
            interval, shape `(classes of on, classes of of)`, at least 0; a number if both have one class.

    Raises:
        ValueError: for an unknown kind, or entries negative or not finite.

    Example:
        >>> LinearEffect("predation", on="hare", of="lynx", block=[[0.0, 0.5], [0.0, 0.25]]).sign
        -1

    References:
        Gilman, S., Miller, S., Son, T., Waheed, A. & Wang, T. (2024), arXiv:2412.19831 (the form is a reconstruction
        from the abstract).
    """

    kind: str = eqx.field(static=True)
    on: str = eqx.field(static=True)
    of: str = eqx.field(static=True)
    block: Float[Array, "on of"] = eqx.field(converter=as_block)

    def __init__(self, kind, on, of, block) -> None:
        """See the class."""
        self.kind, self.on, self.of, self.block = kind, on, of, block

    def __check_init__(self) -> None:
        """Check the kind and the entries."""
        check_choice("kind of a linear effect", self.kind, tuple(SIGNS))
        check_not_negative(f"the {self.kind} block of {self.of!r} on {self.on!r}", self.block)

    @property
    def sign(self) -> int:
        """-1 if the effect is subtracted, 1 if it is added."""
        return SIGNS[self.kind]


@final
class MassAction(eqx.Module):
    r"""Predation in proportion to the numbers of both, with Holling's functional responses.

    $$x_a' \mathrel{-}= u_a \sum_b \frac{B_{ab}\,y_b}{1 + h_b \sum_c B_{cb} u_c}, \qquad
      y_b' \mathrel{+}= \frac{y_b \sum_a C_{ba} u_a}{1 + h_b \sum_c B_{cb} u_c}$$

    with $u = x$ for types I (where $h$ plays no part) and II, and $u = x^2$ for type III. Where more is taken than
    there is, the prey are clipped at 0 but predators gain by the formula; a run reports that as `info["negative"]`.

    Args:
        prey: name of the prey $x$.
        predator: name of the predator $y$.
        attack: $B$, what one predator of class b takes of each individual of class a in an interval while prey are
            few, shape `(prey classes, predator classes)`, at least 0 (per prey squared for type III).
        conversion: $C$, predators gained, in the same unit, shape `(predator classes, prey classes)`, at least 0.
        response: `"I"`, `"II"` or `"III"`.
        handling_time: $h_b$, part of an interval a predator of class b spends on one prey, a number or shape
            `(predator classes,)`, at least 0.
        offspring_class: number (from 0) of the predator class that all gains enter, such as 0 for newborns; None
            leaves them in the class that ate, as in the formula.

    Raises:
        ValueError: for an unknown response, entries negative or not finite, or a handling time with type I.

    Example:
        >>> MassAction("hare", "lynx", attack=0.01, conversion=0.002, response="II", handling_time=0.1).attack.shape
        (1, 1)

    References:
        Holling, C. S. (1959), Canadian Entomologist 91, 385-398. Jensen, A. L. & Miller, D. H. (2001), Ecological
        Modelling 141, 21-30.
    """

    prey: str = eqx.field(static=True)
    predator: str = eqx.field(static=True)
    attack: Float[Array, "prey_classes predator_classes"] = eqx.field(converter=as_block)
    conversion: Float[Array, "predator_classes prey_classes"] = eqx.field(converter=as_block)
    response: Response = eqx.field(default="I", static=True)
    handling_time: Float[Array, "*predator_classes"] = eqx.field(default=0.0, converter=as_entries)
    offspring_class: int | None = eqx.field(default=None, static=True)

    def __init__(
        self, prey, predator, attack, conversion, *, response="I", handling_time=0.0, offspring_class=None
    ) -> None:
        """See the class."""
        self.prey, self.predator, self.attack, self.conversion = prey, predator, attack, conversion
        self.response, self.handling_time, self.offspring_class = response, handling_time, offspring_class

    def __check_init__(self) -> None:
        """Check the response and the entries."""
        check_choice("response", self.response, RESPONSES)
        where = f"of {self.predator!r} on {self.prey!r}"
        for name in ("attack", "conversion", "handling_time"):
            check_not_negative(f"{name} {where}", getattr(self, name))
        if self.response == "I" and not isinstance(self.handling_time, Tracer) and np.any(self.handling_time):
            raise ValueError(f"handling_time {where} plays no part in response 'I'; use response='II' or 'III'.")


@final
class Regulation(eqx.Module):
    r"""Rates of a species that fall with density, its own and others'.

    The rates are multiplied by $g(d)$, where $d = \sum_j a_j^T x_j$ sums the abundances at the start of the interval:

    $$g = \frac{1}{1 + d}\ (\text{leslie\_gower}), \qquad g = e^{-d}\ (\text{ricker}), \qquad
      g = \frac{1}{1 + d^\theta}\ (\text{theta})$$

    The last is the form of Maynard Smith and Slatkin; with $\theta = 1$ it is the first.

    Args:
        on: the species that is regulated.
        weights: $a_j$ by name of species, a number for all its classes or shape `(classes of j,)`, per unit of
            abundance, at least 0: the effect of j **on** this species.
        form: `"leslie_gower"`, `"ricker"` or `"theta"`.
        acts_on: `"all"` rates, `"fertility"` (births of both kinds) or `"survival"` only.
        theta: $\theta > 0$, for the form `"theta"` only.

    Raises:
        ValueError: for an unknown form, weights negative or not finite, or `theta` where it plays no part.

    Example:
        >>> Regulation("hare", {"hare": 0.01, "lynx": [0.0, 0.02]}, acts_on="fertility").form
        'leslie_gower'

    References:
        Leslie, P. H. (1948), Biometrika 35, 213-245. Leslie, P. H. & Gower, J. C. (1958), Biometrika 45, 316-330.
        Ricker, W. E. (1954), J. Fisheries Research Board of Canada 11, 559-623. Maynard Smith, J. & Slatkin, M. (1973),
        Ecology 54, 384-391.
    """

    on: str = eqx.field(static=True)
    weights: dict[str, Array] = eqx.field(converter=as_weights)
    form: str = eqx.field(default="leslie_gower", static=True)
    acts_on: str = eqx.field(default="all", static=True)
    theta: Float[Array, ""] | None = eqx.field(default=None, converter=lambda v: None if v is None else as_entries(v))

    def __init__(self, on, weights, form="leslie_gower", acts_on="all", theta=None) -> None:
        """See the class."""
        self.on, self.weights, self.form, self.acts_on, self.theta = on, weights, form, acts_on, theta

    def __check_init__(self) -> None:
        """Check the form, what it acts on, the weights and the exponent."""
        check_choice("form of a regulation", self.form, get_args(RegulationForm))
        check_choice("acts_on", self.acts_on, get_args(ActsOn))
        for name, values in self.weights.items():
            check_not_negative(f"the weight of {name!r} in the regulation of {self.on!r}", values)
        if (self.form == "theta") != (self.theta is not None):
            raise ValueError(f"theta belongs to the form 'theta' only; got {self.form!r}, theta={self.theta}.")
        if self.theta is not None and not isinstance(self.theta, Tracer) and not 0 < self.theta < np.inf:
            raise ValueError(f"theta must be positive and finite; got {self.theta}.")

    def factor(self, density: Array) -> Array:
        """What the rates are multiplied by at a weighted density $d$."""
        if self.form == "ricker":
            return jnp.exp(-density)
        if self.theta is None:
            return 1.0 / (1.0 + density)
        some = density > 0
        return jnp.where(some, 1.0 / (1.0 + jnp.where(some, density, 1.0) ** self.theta), 1.0)


Interaction = LinearEffect | MassAction | Regulation


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse a word that is not among the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}.")


def check_not_negative(name: str, values: Array) -> None:
    """Refuse numbers that are negative or not finite, naming the first of them; tracers pass."""
    if isinstance(values, Tracer):
        return
    wrong = np.argwhere(~(np.isfinite(values) & (np.asarray(values) >= 0)))
    if len(wrong):  # of a single number argwhere gives rows without columns
        index = tuple(int(i) for i in wrong[0])
        where = f"entry {list(index)} is " if index else "it is "
        raise ValueError(f"{name} must be finite and at least 0; {where}{float(np.asarray(values)[index])}.")
