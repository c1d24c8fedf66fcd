"""`clear_cache`: forgetting what has been computed."""

from __future__ import annotations

from popmath.intersections.airy_structures import (
    bessel_structure,
    masur_veech_structure,
    weil_petersson_structure,
    witten_kontsevich_structure,
)
from popmath.intersections.hodge import chern_number
from popmath.intersections.kappa import block_sums
from popmath.intersections.methods import npoint_memo, recursions
from popmath.intersections.theta import without_zeros


def clear_cache() -> None:
    """Forget every number computed so far in this process (they are kept to speed up later requests)."""
    for recursion in recursions.values():
        recursion.memo.clear()
    npoint_memo.clear()
    for remembered in (without_zeros, chern_number, block_sums):
        remembered.cache_clear()
    for structure in (bessel_structure, masur_veech_structure, weil_petersson_structure, witten_kontsevich_structure):
        structure().amplitudes.memo.clear()
