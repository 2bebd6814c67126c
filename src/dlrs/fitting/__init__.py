"""Fitting: networks and rankers, trained on a prepared data set and judged on what was held back."""
