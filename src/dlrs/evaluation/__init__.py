"""Who is judged on what, how sure we are, and the report."""
