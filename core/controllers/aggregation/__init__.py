"""The control loop of API services."""
