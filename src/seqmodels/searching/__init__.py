"""Hyperparameter search: a study of many trials, each of them a run. Optuna proposes, `seqmodels.runs.run` trains."""
