"""A person's own sequences, each with a class."""
