"""The Candidate Service: what is near, of a catalogue that changes while it is searched."""
