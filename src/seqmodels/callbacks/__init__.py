"""What happens beside the training: checkpoints, progress, figures. One concern per file."""
