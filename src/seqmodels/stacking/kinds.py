"""Whose training steps can be computed together; apart from the rest, so that a sweep can ask before torch is there."""

KINDS = (
    "seqmodels.modules.classifier.SequenceClassifier",
    "seqmodels.modules.labeller.SequenceLabeller",
    "seqmodels.modules.regressor.StreamRegressor",
)
"""Classes of modules; one that is derived from them may do anything."""

PRECISIONS = (None, 32, 64, "32", "64", "32-true", "64-true")
"""Of the trainer: others round inside a step."""
