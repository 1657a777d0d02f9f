"""What `python -m seqmodels.report` is made of: runs are read, grouped, averaged, and written down in four forms.

finding.py, runs.py,        a run as its folder tells it
settings.py
groups.py, labels.py        runs that differ in nothing but the seed belong together, under a readable name
statistics.py               mean, standard deviation, interval; the difference of two groups
comparing.py                `--compare A B`
curves.py, grid.py,         learning curves, comparison, heat map
figures.py, heat_map.py
columns.py, terminal.py,    the same tables for four readers
markdown.py, runs_csv.py,
page.py, files.py
"""
