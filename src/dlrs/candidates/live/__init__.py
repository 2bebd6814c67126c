"""A catalogue that changes while it is searched: a snapshot, what came since, and what is gone."""
