"""The controllers of who may do what: service accounts, their tokens, aggregated roles."""
