"""A first recipe from nothing but the tables: guesses, each with its reason beside it."""
