"""Image sets, each image read as a sequence."""
