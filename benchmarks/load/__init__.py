"""Load: what `benchmarks/serving.py` asks servers, and how it measures them."""
