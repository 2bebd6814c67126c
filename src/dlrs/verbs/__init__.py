"""Verbs of the command line, one module for each or for each group; `dlrs.cli` puts them together."""
