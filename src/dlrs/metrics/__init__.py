"""Metrics: pure functions of lists, of scored pairs and of how exposure is spread."""
