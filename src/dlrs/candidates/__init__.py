"""Narrowing the catalogue to the items worth ranking."""
