"""Upstream's own test program, agnhost, as far as it serves and prints.

Source: kubernetes v1.36, test/images/agnhost (a folder for each subcommand).
"""
