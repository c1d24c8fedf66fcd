"""Leslie-Gower competition whose regulation by density is learned by a small monotone network."""

from __future__ import annotations

from typing import Literal, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from popmath._types import Array, Parameter
from popmath.populations.competition import competition_parameter, initial_abundances
from popmath.populations.fractional_times import states_by_steps
from popmath.populations.model import (
    PopulationModel,
    as_parameter,
    as_species,
    check_parameters,
    check_positive,
    check_whole,
    parameter_values,
)
from popmath.populations.parameter_ranges import positive, probability, real

Activation = Literal["softplus", "dra"]


@final
class LearnedRegulation(PopulationModel):
    r"""Leslie-Gower competition with a learned, falling function of density in the place of $1/(1 + u)$.

    $$N_i(t+1) = \lambda_i N_i(t)\,g_i(u_i), \qquad u_i = \sum_j a_{ij} N_j(t), \qquad
      g_i(u) = \frac{e^{-h_i(u)}}{1 + u}$$

    $$h_i(u) = \sum_k v_{ik}\bigl[\sigma_i(w_{ik} z + b_{ik}) - \sigma_i(b_{ik})\bigr], \qquad z = \log(1 + u)$$

    with one network of a few units per species, weights $v, w \ge 0$ and an increasing activation $\sigma$. So
    $h(0) = 0$, growth at low density is $\lambda_i$, and $g$ falls from 1 whatever the weights are; with output
    weights $v = 0$ it is exactly `LeslieGower`. A prior that pulls $v$ to 0, such as
    `priors={"output_weight": HalfNormal(0.1)}` in `popmath.fit`, says how much evidence a departure needs. With that
    many numbers a good fit means nothing: judge this model by what it forecasts on a hold-out only.

    Activation `"softplus"` is $\log(1 + e^x)$. `"dra"` is the Dynamic Range Activator,

    $$\sigma(x) = x + \frac{\beta}{\alpha} \sin^2(\alpha x) + \gamma \cos(\alpha x) + \delta \tanh(\beta x),$$

    restricted to where it increases: with $\beta = pq$ and $\gamma = p(1 - q)/\alpha$ its slope is at least
    $1 - p > 0$.

    Args:
        species: names, one or more.
        growth_factor: $\lambda_i$, growth per projection interval at low density, shape `(species,)`, at least 0.
        competition: $a_{ij}$, the effect of species j on species i, per unit of abundance, shape
            `(species, species)`, at least 0.
        input_weight: $w$, shape `(species, hidden)`, at least 0.
        input_bias: $b$, same shape.
        output_weight: $v$, same shape, at least 0.
        dra_frequency: $\alpha$, shape `(species,)`, above 0; of `"dra"` only, as the next three.
        dra_amplitude: $p$, how far the slope falls, shape `(species,)`, in [0, 1].
        dra_share: $q$, share of the squared sine in it, shape `(species,)`, in [0, 1].
        dra_saturation: $\delta$, shape `(species,)`, at least 0.
        hidden: number of units per species, at least 1.
        activation: `"softplus"` or `"dra"`.
        interval: length of the projection interval, in the time unit of the data.

    Raises:
        ValueError: for wrong shapes, numbers outside their domain, an unknown activation, or repeated names.

    Example:
        >>> import popmath as pm
        >>> zero = [[0.0, 0.0]]
        >>> model = LearnedRegulation(("a",), [3.0], [[0.02]], zero, zero, zero, hidden=2)
        >>> pm.simulate(model, [10.0], num_steps=60).abundances[-1].round(6).tolist()
        [100.0]

    References:
        Leslie, P. H. & Gower, J. C. (1958), Biometrika 45, 316-330. Sill, J. (1998), Monotonic Networks, NIPS 10.
        Hashemi, B., Corominas, R. G. & Giacchetto, A. (2024), arXiv:2408.14915 (the Dynamic Range Activator, in the
        form of their package).
    """

    species: tuple[str, ...] = eqx.field(static=True, converter=as_species)
    growth_factor: Float[Array, " species"] | None = eqx.field(default=None, converter=as_parameter)
    competition: Float[Array, "species species"] | None = eqx.field(default=None, converter=as_parameter)
    input_weight: Float[Array, "species hidden"] | None = eqx.field(default=None, converter=as_parameter)
    input_bias: Float[Array, "species hidden"] | None = eqx.field(default=None, converter=as_parameter)
    output_weight: Float[Array, "species hidden"] | None = eqx.field(default=None, converter=as_parameter)
    dra_frequency: Float[Array, " species"] | None = eqx.field(default=None, converter=as_parameter)
    dra_amplitude: Float[Array, " species"] | None = eqx.field(default=None, converter=as_parameter)
    dra_share: Float[Array, " species"] | None = eqx.field(default=None, converter=as_parameter)
    dra_saturation: Float[Array, " species"] | None = eqx.field(default=None, converter=as_parameter)
    hidden: int = eqx.field(default=4, static=True, kw_only=True)
    activation: str = eqx.field(default="softplus", static=True, kw_only=True)
    interval: float = eqx.field(default=1.0, static=True, kw_only=True)

    def __check_init__(self) -> None:
        """Check the settings, shapes and signs."""
        check_positive("interval", self.interval)
        check_whole("hidden", self.hidden, 1)
        if self.activation not in ("softplus", "dra"):
            raise ValueError(f"activation must be 'softplus' or 'dra'; got {self.activation!r}.")
        own = (self.dra_frequency, self.dra_amplitude, self.dra_share, self.dra_saturation)
        if self.activation != "dra" and any(value is not None for value in own):
            raise ValueError("the dra_ parameters play no part in activation 'softplus'; use activation='dra'.")
        check_parameters(self)
        if isinstance(self.dra_frequency, np.ndarray) and not (self.dra_frequency > 0).all():
            raise ValueError(f"dra_frequency must be above 0; got {self.dra_frequency.tolist()}.")

    @property
    def state_shape(self) -> tuple[int, ...]:
        """Shape of one state."""
        return (len(self.species),)

    def parameters(self, largest: np.ndarray) -> dict[str, Parameter]:
        """Domains and starting ranges; the network starts close to Leslie-Gower."""
        k = len(self.species)
        units = (k, self.hidden)
        found = {
            "growth_factor": positive(1.2, 6.0, (k,), "growth factor at low density", "per interval"),
            "competition": competition_parameter(largest),
            "input_weight": positive(0.3, 3.0, units, "slope of a unit", "per unit of log(1 + u)"),
            "input_bias": real(-3.0, 1.0, units, "bias of a unit"),
            "output_weight": positive(0.01, 0.3, units, "weight of a unit; all 0: Leslie-Gower"),
        }
        if self.activation == "dra":
            found["dra_frequency"] = positive(0.3, 3.0, (k,), "frequency of the activation")
            found["dra_amplitude"] = probability(0.1, 0.9, (k,), "amplitude of the activation")
            found["dra_share"] = probability(0.1, 0.9, (k,), "share of the squared sine")
            found["dra_saturation"] = positive(0.1, 1.0, (k,), "saturating part of the activation")
        return found

    def initial(self, largest: np.ndarray, first: np.ndarray) -> Parameter:
        """Domain and starting range of the abundances at time 0."""
        return initial_abundances(largest, first)

    def regulation(self, density: Float[Array, "*batch species"]) -> Float[Array, "*batch species"]:
        """What growth is multiplied by, $g_i(u_i)$, at weighted densities of each species, at least 0."""
        p = parameter_values(self)
        z = jnp.log1p(density)[..., None]
        weight, bias, out = (jnp.asarray(p[name]) for name in ("input_weight", "input_bias", "output_weight"))
        lead = (None,) * (z.ndim - 2)
        weight, bias, out = weight[lead], bias[lead], out[lead]
        units = self._activate(weight * z + bias, p) - self._activate(bias, p)
        return jnp.exp(-jnp.sum(out * units, axis=-1)) / (1.0 + density)

    def _activate(self, x: Array, p: dict[str, Array]) -> Array:
        if self.activation == "softplus":
            return jax.nn.softplus(x)
        names = ("dra_frequency", "dra_amplitude", "dra_share", "dra_saturation")
        shape = (1,) * (x.ndim - 2) + (len(self.species), 1)
        frequency, amplitude, share, saturation = (jnp.reshape(jnp.asarray(p[name]), shape) for name in names)
        beta, gamma = amplitude * share, amplitude * (1.0 - share) / frequency
        wave = beta / frequency * jnp.sin(frequency * x) ** 2 + gamma * jnp.cos(frequency * x)
        return x + wave + saturation * jnp.tanh(beta * x)

    def step(self, state: Array, t: Array, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """Abundances one interval later."""
        p = parameter_values(self)
        return p["growth_factor"] * state * self.regulation(jnp.dot(p["competition"], state)), {}

    def states_at(self, state: Array, times: np.ndarray) -> Array:
        """Abundances at any times from 0 on; between steps they are interpolated geometrically."""
        return states_by_steps(self, state, times, self.interval)

    def totals(self, states: Array) -> Float[Array, "*batch species"]:
        """The abundances themselves."""
        return states
