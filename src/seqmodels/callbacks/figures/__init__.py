"""Figures of a training and of its test: what is drawn, and how it leaves."""
