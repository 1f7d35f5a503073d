"""What the API fills in where a manifest is silent."""
