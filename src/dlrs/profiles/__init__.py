"""Users described by the items that they interacted with."""
