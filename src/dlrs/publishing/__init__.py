"""Publishing: what a bundle holds, how it is tried before it is served, and what is asked of it offline."""
