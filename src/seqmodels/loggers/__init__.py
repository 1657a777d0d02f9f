"""Where metrics go. One kind of logger per file."""
