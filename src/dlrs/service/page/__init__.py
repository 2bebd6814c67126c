"""The page: a user, what is known of him, his list and why; with htmx 2.0.11 (0BSD) vendored."""
