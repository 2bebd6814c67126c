"""UserNet, ItemNet and RankNet, and what they are trained for."""
