"""Structured populations and psi-class intersection numbers: exact theory, learned fits, conformal error bands.

Everything below is loaded when first used, so that `import popmath` is cheap and an exact number never loads JAX.

Example:
    >>> import popmath as pm
    >>> pm.intersections.correlator(genus=2, degrees=(2, 3))
    Fraction(29, 5760)
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
