"""Bundles of a running service: the one that is served, the ones before it, and the change between them."""
