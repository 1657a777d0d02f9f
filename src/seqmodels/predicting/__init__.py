"""What `predict` does: rows or images in, predictions out."""
