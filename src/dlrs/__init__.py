"""dlrs: a two-stage deep recommender for marketplaces.

The Python API is `dlrs.pipeline`; the command line is `dlrs --help`.
"""

import os

__version__ = "0.1.0"

# Waiting threads sleep instead of spinning. Beside one other busy process the spinning of OpenMP's
# threads, torch's among them, makes training ten times slower; alone it gains little. It is read
# when torch is imported, so it has to stand here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
