"""Columns of files, block by block: CSV, Parquet, NumPy. A new format is one file here.

pyarrow is imported inside the functions that need it: most runs read no such file, or one that has been converted, and
start without waiting for it.
"""
