"""Ordering the candidates."""
