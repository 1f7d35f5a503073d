"""Which pods have to leave for one that is more important."""
