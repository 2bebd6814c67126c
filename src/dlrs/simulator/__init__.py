"""A small vehicle marketplace that is simulated: ads, users and what the users do with the ads."""
