"""Rules of who may ask what, how often, and who answers: roles, flows, API services."""
