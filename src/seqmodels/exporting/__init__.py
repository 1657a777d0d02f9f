"""What `python -m seqmodels.export` is made of: a run becomes graphs, which are checked before they are handed out.

run.py          from a run's folder to files, and what they say of themselves
graphs.py       the two graphs, step and window, against the core's contract alone
folding.py      what hangs on the weights alone, computed before
looped.py       a window as a loop over steps, for cores that a format cannot take whole
onnx_format.py, torch_format.py     a graph to a file, and the file read again
capturing.py    the exporters kept quiet, their errors made ours
checking.py     the file against the run itself
placing.py      all of the files or none, and none over another
"""
