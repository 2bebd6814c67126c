"""The RecSys Challenge 2018, playlists to be continued, in the organisers' own formats."""
