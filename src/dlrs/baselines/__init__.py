"""The models that ours has to beat, behind the same protocol."""
