"""Tables of the marketplace to clean arrays of rows: versions joined, cuts in time, nothing dropped silently."""
