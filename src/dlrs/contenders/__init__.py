"""Contenders: who competes in an evaluation, at a cut and at any moment."""
