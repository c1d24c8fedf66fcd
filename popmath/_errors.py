"""The exception types of popmath: three kinds of "no", each saying what to try next.

* `ValueError` / `TypeError` - the question is wrong (raised directly, not from here).
* `UnableError` - the question is fine, this method cannot answer it.
* `ConvergenceError` - the method ran and did not converge.
* `DataError` - a file or table is not what it has to be.
"""


class UnableError(RuntimeError):
    """The question is well posed, but the chosen method cannot answer it."""


class ConvergenceError(RuntimeError):
    """An iterative method stopped without reaching its tolerance."""


class DataError(ValueError):
    """A data file, table or series is not what it has to be."""
