"""What validation and test measure: one metric a task, whose `compute` returns the value of every measure.

Their states are sums over steps or samples, so the processes of a distributed run add up to what one would measure. A
module makes a new metric for every pass through the data, see `SequenceModule.metric`.
"""
