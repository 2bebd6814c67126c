"""The Ranking Service: a profile becomes queries, what is near them is ranked, and there is always a list."""
