"""What `python -m seqmodels.report` is made of: runs are read, grouped, averaged, and written down in four forms.

folders.py, runs.py, settings.py    which folders hold runs, and a run as its folder tells it
groups.py, labels.py                runs that differ in nothing but the seed belong together, under a readable name
statistics.py, curves.py            mean, standard deviation, interval, of groups and of their learning curves
comparing.py                        `--compare A B`: the difference of two groups
figures.py, accuracy.py, state_size.py, heat_map.py, panels.py, svg.py     what is drawn on the page
columns.py, wording.py              what a table says, the same for all readers
writers/                            terminal, Markdown, page, CSV
"""
