"""The ranker of the moment in the service: what happens now changes the next list."""
