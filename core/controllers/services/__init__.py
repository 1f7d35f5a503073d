"""The controllers behind Services: who serves, and from which ranges addresses are given."""
