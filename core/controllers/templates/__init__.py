"""Pod templates as they are told apart: hashed, written as one line, remembered in revisions."""
