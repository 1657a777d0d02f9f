"""Causal sequence layers under one contract: `y, state = core(x, state)`. One recurrence per file."""
