"""The users' past: what the bundle remembers of each of them, for profiles that go on from there."""
