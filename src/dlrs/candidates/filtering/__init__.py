"""Which items of the catalogue a request wants at all, and the nearest among these."""
