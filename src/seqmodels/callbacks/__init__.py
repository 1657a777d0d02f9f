"""What happens beside the training: guards, progress, figures. One concern per file."""
