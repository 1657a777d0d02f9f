"""What `python -m seqmodels.report` is made of: runs are read, grouped, averaged, and written down in four forms.

runs.py, settings.py        a run as its folder tells it
groups.py, labels.py        runs that differ in nothing but the seed belong together, under a readable name
statistics.py               mean, standard deviation, interval; the difference of two groups
comparing.py                `--compare A B`
curves.py, figures.py       learning curves, comparison, heat map
terminal.py, markdown.py,   the same tables for four readers
runs_csv.py, page.py
"""
