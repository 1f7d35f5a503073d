"""What the scheduler minds of volumes: where they are, who has them, how many fit."""
