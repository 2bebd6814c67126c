"""From two files to recommendations, in Python."""
