"""Formal languages: what a word is, and what is right to say of it; see `language.py`."""
