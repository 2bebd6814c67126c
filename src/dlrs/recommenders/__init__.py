"""Recommenders: what answers whom, at a cut and at any moment."""
