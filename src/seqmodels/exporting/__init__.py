"""What `python -m seqmodels.export` is made of: a run becomes graphs, which are checked before they are handed out.

run.py          from a run's folder to files
forms.py        the two graphs, step and window, against the core's contract alone
looped.py       a window as a loop over steps, for cores that a format cannot take whole
onnx_format.py, torch_format.py     a graph to a file, and the file read again
filling.py      what is read where an input is missing
capturing.py    the exporters kept quiet, their errors made ours
checking.py     the file against the run itself
about.py        what is written into the files beside the graph
placing.py      all of the files or none, and none over another
"""
