"""The User Profile API: what users did, and what follows from it."""
