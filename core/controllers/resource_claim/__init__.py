"""The controller of claims for devices: made from templates, reserved for pods, and freed."""
