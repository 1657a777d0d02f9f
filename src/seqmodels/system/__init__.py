"""What we ask of the operating system: files, signals, processes."""
