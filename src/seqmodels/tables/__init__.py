"""Columns of files, block by block: CSV, Parquet, NumPy. A new format is one file here."""
