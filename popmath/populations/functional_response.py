"""What predators eat and gain when both depend on how many prey there are: Holling's types I, II and III."""

from __future__ import annotations

from typing import Literal

import jax.numpy as jnp
from jaxtyping import Float

from popmath._types import Array

Response = Literal["I", "II", "III"]
RESPONSES: tuple[Response, ...] = ("I", "II", "III")


def mass_action(
    prey: Float[Array, " prey_classes"],
    predator: Float[Array, " predator_classes"],
    attack: Float[Array, "prey_classes predator_classes"],
    conversion: Float[Array, "predator_classes prey_classes"],
    handling_time: Float[Array, " predator_classes"],
    response: Response,
) -> tuple[Float[Array, " prey_classes"], Float[Array, " predator_classes"]]:
    r"""Prey lost and predators gained in one interval, by class.

    $$\text{loss}_a = u_a \sum_b \frac{B_{ab}\,y_b}{1 + h_b \sum_c B_{cb} u_c}, \qquad
      \text{gain}_b = \frac{y_b \sum_a C_{ba} u_a}{1 + h_b \sum_c B_{cb} u_c}$$

    with $u = x$ for types I ($h$ plays no part) and II, $u = x^2$ for type III; $x$ are the prey, $y$ the predators,
    $B$ `attack`, $C$ `conversion`, $h$ `handling_time`. For type I that is $\mathrm{diag}(x) B y$ and
    $\mathrm{diag}(y) C x$.

    References:
        Holling, C. S. (1959), Canadian Entomologist 91, 385-398. Jensen, A. L. & Miller, D. H. (2001), Ecological
        Modelling 141, 21-30 (predation in matrix form).
    """
    available = prey**2 if response == "III" else prey
    busy = jnp.ones_like(predator) if response == "I" else 1.0 + handling_time * jnp.dot(available, attack)
    hunting = predator / busy
    return available * jnp.dot(attack, hunting), hunting * jnp.dot(conversion, available)
