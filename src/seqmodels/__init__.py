"""Experiments with models that read a sequence and remember.

Importing the package is free: torch is loaded only when something is built.
"""

from importlib.metadata import version

__version__ = version("seqmodels")
