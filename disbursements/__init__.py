"""Layer 2: owner draws, recoveries, contributions."""
