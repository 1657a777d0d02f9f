"""Overrides become configs, and configs are checked before anything runs."""
