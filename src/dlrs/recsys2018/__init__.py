"""The RecSys Challenge 2018: continue playlists of the Million Playlist Dataset, in the organisers' own formats."""
