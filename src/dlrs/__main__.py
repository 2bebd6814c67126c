"""`python -m dlrs` is the command `dlrs`."""

from dlrs.cli import app

app()
