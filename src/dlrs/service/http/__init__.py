"""What all three services have in common where they meet the network."""
