"""Test settings: shapes and types are checked, dtype and rank promotion are errors, figures are drawn off screen."""

import os

os.environ.setdefault("JAX_NUMPY_DTYPE_PROMOTION", "strict")
os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")
os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis
import jaxtyping

_hook = jaxtyping.install_import_hook(["popmath.populations", "popmath.inference"], "beartype.beartype")
_hook.__enter__()

hypothesis.settings.register_profile("popmath", deadline=None, derandomize=True)
hypothesis.settings.load_profile("popmath")
