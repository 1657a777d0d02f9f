"""The state of a training on disk: written, found again, and gone on from."""
