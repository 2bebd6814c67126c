"""From raw feature values to the numbers that the networks take; the same online and offline."""
