"""Judging: all contenders on a prepared data set, as a report and as a page."""
