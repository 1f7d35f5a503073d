"""Who asks, how that is known, and whether it may."""
