"""Tokens of service accounts: what is in them, whose they are, and how others check them."""
