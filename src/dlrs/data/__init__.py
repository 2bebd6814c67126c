"""From the marketplace's tables to clean arrays: versions joined, cuts in time, nothing lost silently."""
