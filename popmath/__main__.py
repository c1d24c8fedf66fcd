"""`python -m popmath`."""

from popmath.cli import app

app()
