"""A person's own signals as streams."""
