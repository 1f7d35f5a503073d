"""A small POSIX shell and the tools of a small system, as a pure program over a pure disk."""
