"""The closed loop: simulated users meet the recommendations of two bundles, and what they do is analysed."""
