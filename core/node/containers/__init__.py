"""What one container does, and how it is started, watched and stopped."""
