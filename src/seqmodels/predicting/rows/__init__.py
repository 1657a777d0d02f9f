"""Rows as they come in, whatever their format."""
