"""The programs of a small system, one file for each family."""
