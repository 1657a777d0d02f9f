"""The ranks of one run: started, watched, and ended together."""
