"""Dynamic Range Activator (DRA) and the activations it is compared with, behind one interface.

An activation is a module that maps `(..., width)` to `(..., width)`. Of a set with padding it must be masked after use:
DRA(0) = c, which is not 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, final, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from popmath._types import Array

Form = Literal["package", "training", "paper"]
Name = Literal["dra", "relu", "gelu", "swish", "tanh", "snake", "glu", "polynorm", "kan"]
ACTIVATIONS: tuple[str, ...] = get_args(Name)
_FIXED: dict[str, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "gelu": jax.nn.gelu,
    "swish": jax.nn.swish,
    "tanh": jnp.tanh,
}
_FORMS: dict[str, Form] = {"": "package", "package": "package", "training": "training", "paper": "paper"}
_SMALLEST = 1e-6  # two of the published forms divide by b
_KNOTS = np.linspace(-3.0, 3.0, 8)


@final
class DynamicRangeActivator(eqx.Module):
    r"""Dynamic Range Activator: periodic and saturating terms around the identity, with four learnable numbers.

    Three forms were published under this name:

    * `"package"`: $x + \frac{b}{a}\sin^2(a x) + c\cos(a x) + d\tanh(b x)$. The second term is computed as
      $a b x^2\,\mathrm{sinc}^2(a x/\pi)$, so that $a = 0$ is no exception;
    * `"training"`: $x + \frac{a}{b}\sin^2(a x) + c\cos(b x) + d\tanh(b x)$;
    * `"paper"`: $x + a\sin^2(x/b) + c\cos(b x) + d\tanh(b x)$.

    The last two are singular at $b = 0$; a smaller $|b|$ than 1e-6 counts as 1e-6.

    Args:
        parameters: $a, b, c, d$, shape `(4,)`.
        form: which of the three.

    Raises:
        ValueError: for another form, or not four numbers.

    Example:
        >>> numbers = jnp.array([1.3, 0.7, -0.4, 0.9])
        >>> forms = ("package", "training", "paper")
        >>> [round(float(DynamicRangeActivator(numbers, form)(jnp.array(2.0))), 2) for form in forms]
        [3.28, 3.22, 2.83]

    References:
        Hashemi, B., Corominas, R. G. & Giacchetto, A. (2024), arXiv:2408.14915.
    """

    parameters: Float[Array, " numbers"] = eqx.field(converter=jnp.asarray)
    form: Form = eqx.field(default="package", static=True)

    def __check_init__(self) -> None:
        """Check form and shape."""
        if self.form not in get_args(Form):
            raise ValueError(f"form must be one of {', '.join(map(repr, get_args(Form)))}; got {self.form!r}.")
        if self.parameters.shape != (4,):
            raise ValueError(f"parameters must be a, b, c, d, shape (4,); got shape {self.parameters.shape}.")

    @classmethod
    def random(cls, key: Array, form: Form = "package") -> DynamicRangeActivator:
        """Four numbers from N(0, 1), as published."""
        return cls(jax.random.normal(key, (4,)), form)

    def __call__(self, x: Array) -> Array:
        """The activation of every entry."""
        a, b, c, d = self.parameters
        if self.form == "package":
            return x + a * b * x**2 * jnp.sinc(a * x / jnp.pi) ** 2 + c * jnp.cos(a * x) + d * jnp.tanh(b * x)
        b = jnp.where(jnp.abs(b) < _SMALLEST, jnp.where(b < 0, -_SMALLEST, _SMALLEST), b)
        wave = a / b * jnp.sin(a * x) ** 2 if self.form == "training" else a * jnp.sin(x / b) ** 2
        return x + wave + c * jnp.cos(b * x) + d * jnp.tanh(b * x)


@final
class Fixed(eqx.Module):
    """ReLU, GELU, swish or tanh: nothing to learn."""

    name: str = eqx.field(static=True)

    def __call__(self, x: Array) -> Array:
        """The activation of every entry."""
        return _FIXED[self.name](x)


@final
class Snake(eqx.Module):
    r"""$x + \sin^2(a x)/a$, as $a x^2\,\mathrm{sinc}^2(a x/\pi)$; one learnable number (Ziyin, L. et al. 2020)."""

    frequency: Float[Array, ""]

    def __call__(self, x: Array) -> Array:
        """The activation of every entry."""
        return x + self.frequency * x**2 * jnp.sinc(self.frequency * x / jnp.pi) ** 2


@final
class Gated(eqx.Module):
    """Gated linear unit, x * sigmoid(x W + v) (Dauphin, Y. et al. 2017)."""

    weight: Float[Array, "width width"]
    bias: Float[Array, " width"]

    def __call__(self, x: Array) -> Array:
        """The activation of every vector along the last axis."""
        return x * jax.nn.sigmoid(affine(x, self.weight, self.bias))


@final
class PolyNorm(eqx.Module):
    """Weighted sum of x, x^2 and x^3, each over its root mean square on the last axis (Zhuo, Z. et al. 2024)."""

    weights: Float[Array, " numbers"]
    bias: Float[Array, ""]

    def __call__(self, x: Array) -> Array:
        """The activation of every vector along the last axis."""
        powers = [x, x**2, x**3]
        scaled = [p * jax.lax.rsqrt(jnp.mean(p**2, axis=-1, keepdims=True) + 1e-6) for p in powers]
        return sum((w * s for w, s in zip(self.weights, scaled, strict=True)), self.bias)


@final
class KolmogorovArnold(eqx.Module):
    """A learnable function of each entry of the width: swish and eight Gaussians (Liu, Z. et al. 2024; Li, Z. 2024)."""

    swish: Float[Array, " width"]
    bumps: Float[Array, "width knots"]

    def __call__(self, x: Array) -> Array:
        """The activation of every entry."""
        spacing = float(_KNOTS[1] - _KNOTS[0])
        apart = (x[..., None] - jnp.broadcast_to(jnp.asarray(_KNOTS, x.dtype), (*x.shape, len(_KNOTS)))) / spacing
        bumps = jnp.exp(-(apart**2))
        weighed = jnp.einsum("...wk,wk->...w", bumps, self.bumps)
        return jnp.broadcast_to(self.swish, x.shape) * jax.nn.swish(x) + weighed


Activation = DynamicRangeActivator | Fixed | Snake | Gated | PolyNorm | KolmogorovArnold


def affine(x: Array, weight: Array, bias: Array) -> Array:
    """X W + v on the last axis."""
    product = jnp.matmul(x, weight)
    return product + jnp.broadcast_to(bias, product.shape)


def make_activation(name: str, width: int, key: Array) -> Activation:
    """An activation with its own learnable numbers, for vectors of this width.

    Args:
        name: one of `ACTIVATIONS`; `"dra"` is the package form, others are `"dra:training"` and `"dra:paper"`.
        width: length of the vectors, at least 1.
        key: random key.

    Raises:
        ValueError: for another name.

    Example:
        >>> make_activation("relu", 3, jax.random.key(0))(jnp.array([-1.0, 0.0, 2.0])).tolist()
        [0.0, 0.0, 2.0]
    """
    kind, _, form = name.partition(":")
    if kind not in ACTIVATIONS or (form and (kind != "dra" or form not in get_args(Form))):
        raise ValueError(
            f"activation must be one of {', '.join(ACTIVATIONS)}, dra:training or dra:paper; got {name!r}."
        )
    if kind == "dra":
        return DynamicRangeActivator.random(key, _FORMS[form])
    if kind == "snake":
        return Snake(jnp.asarray(1.0))
    if kind == "glu":
        return Gated(jax.random.normal(key, (width, width)) / np.sqrt(width), jnp.zeros(width))
    if kind == "polynorm":
        return PolyNorm(jnp.full(3, 1 / 3), jnp.zeros(()))
    if kind == "kan":
        return KolmogorovArnold(jnp.ones(width), 0.1 * jax.random.normal(key, (width, len(_KNOTS))))
    return Fixed(kind)
