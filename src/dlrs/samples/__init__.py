"""Positives, negatives and batches to train on."""
