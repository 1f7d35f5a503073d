"""What a person types after `--at`, or to `kelm fault`: see `parse`."""
