"""How candidates are found, compared with the gold standard."""
