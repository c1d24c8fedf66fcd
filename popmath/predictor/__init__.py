"""Intersection numbers with calibrated bands: the closed form alone, or the closest of it and the networks.

Loaded when first used, so that the closed form loads no JAX.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
