"""What single kinds need beside what every object needs."""
