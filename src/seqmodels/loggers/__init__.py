"""Where metrics go: files of this machine (local.py), and what other services keep, one per file."""
