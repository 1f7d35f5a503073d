"""Certificates that are asked for: approved, signed, and swept away when they are old."""
