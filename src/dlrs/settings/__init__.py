"""Settings: the sections of a recipe, one module for each stage."""
