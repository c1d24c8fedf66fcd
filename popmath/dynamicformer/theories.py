"""Theories that one network can learn together: quantum Airy structures and their exact numbers."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np

from popmath.dynamicformer.encoding import encode, log_double_factorials
from popmath.dynamicformer.samples import Samples, exact_samples
from popmath.intersections import airy_structures as structures
from popmath.intersections.airy import AiryStructure, amplitude
from popmath.intersections.correlators import log_fraction

MOST_INDEX = 6  # entries of B with indices up to this are shown to a network
PSI = "Witten-Kontsevich"


@dataclasses.dataclass(frozen=True)
class Theory:
    """A quantum Airy structure to learn.

    Attributes:
        structure: makes it.
        removed: the degree d with F[d, D] = (2g - 2 + n) F[D], which is removed exactly; None if there is none.
        family: the degree that is left out when numbers are divided into parts. The numbers of Weil-Petersson whose
            degrees sum to 3g - 3 + n are those of psi classes, so that they have to be divided as those are.
        max_level: numbers with 2g - 2 + n up to this are data.
        max_train_genus: numbers of higher genus are held out.
    """

    structure: Callable[[], AiryStructure]
    removed: int | None
    family: int
    max_level: int
    max_train_genus: int


THEORIES: dict[str, Theory] = {
    PSI: Theory(structures.witten_kontsevich_structure, 1, 1, 35, 13),
    "Bessel": Theory(structures.bessel_structure, 0, 0, 66, 20),
    "Weil-Petersson": Theory(structures.weil_petersson_structure, None, 1, 15, 6),
    "Masur-Veech": Theory(structures.masur_veech_structure, 1, 1, 15, 6),
}


def theory_of(name: str) -> Theory:
    """A theory by its name.

    Raises:
        ValueError: for another name.
    """
    if name not in THEORIES:
        raise ValueError(f"theory must be one of {', '.join(THEORIES)}; got {name!r}.")
    return THEORIES[name]


@dataclasses.dataclass(frozen=True)
class TheorySamples:
    """Exact numbers of several theories.

    Attributes:
        by_theory: those of each.
    """

    by_theory: dict[str, Samples]

    def digest(self) -> str:
        """SHA-256 of the names and of the digests of the samples."""
        lines = [f"{name} {samples.digest()}\n" for name, samples in self.by_theory.items()]
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def theory_samples(name: str, max_level: int, max_genus: int) -> Samples:
    r"""Every number of a theory up to a level and genus, without the degree that is removed exactly.

    Args:
        name: of a theory.
        max_level: largest 2g - 2 + n; no more than the theory's own.
        max_genus: largest genus.

    Returns:
        Requests and $\log \prod_i (2d_i+1)!!\,F_{g,n}[d]$. Of what has only degrees that are removed, one point is
        kept; at genus 1 nothing, as it is known exactly.

    Example:
        >>> samples = theory_samples("Bessel", 6, 3)  # <Theta tau_1>_2 = 3/128, times 3!! = 3
        >>> samples.requests.degrees.tolist(), round(float(np.exp(samples.log_scaled[0])) * 128, 6)
        ([[1], [2], [1]], 9.0)
    """
    theory = theory_of(name)
    level = min(max_level, theory.max_level)
    genera = range(min(max_genus, level // 2 + 1) + 1)
    if name == PSI:
        return exact_samples(level, genera)
    structure, found = theory.structure(), []
    for genus in genera:
        for points in range(max(1, 3 - 2 * genus), level + 3 - 2 * genus):
            for degrees in _degrees(structure, genus, points):
                if theory.removed not in degrees or (degrees == (theory.removed,) and genus > 1):
                    value = amplitude(structure, genus, degrees)
                    if value:
                        found.append((genus, degrees, log_fraction(value)))
    requests = encode([g for g, _, _ in found], [d for _, d, _ in found], structure.sum_range)
    return Samples(requests, np.array([value for _, _, value in found]) + log_double_factorials(requests))


def _degrees(structure: AiryStructure, genus: int, points: int) -> Iterator[tuple[int, ...]]:
    """Ascending degrees whose sum is one that occurs."""
    sums = structure.sum_range(genus, points)

    def from_least(points: int, left: int, least: int) -> Iterator[tuple[int, ...]]:
        if points == 0:
            yield ()
            return
        for d in range(least, left // points + 1):
            for rest in from_least(points - 1, left - d, d):
                yield (d, *rest)

    return (d for d in from_least(points, max(sums.stop - 1, -1), 0) if sum(d) in sums)


@cache
def tensor_of(name: str) -> np.ndarray:
    """(i, j, k, B[i, j, k]) of the non-zero entries with indices up to 6.

    Example:
        >>> tensor_of("Bessel")[:2].tolist()
        [[0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 3.0]]
    """
    tensor = theory_of(name).structure().B
    indices = range(MOST_INDEX + 1)
    return np.array(
        [(i, j, k, float(value)) for i in indices for j in indices for k, value in tensor(i, j, MOST_INDEX)]
    )
