"""dlrs: a two-stage deep recommender for marketplaces.

The Python API is `dlrs.pipeline`; the command line is `dlrs --help`.
"""

__version__ = "0.1.0"
