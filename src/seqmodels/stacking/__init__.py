"""Several models at once: their training steps computed as one, each with its own weights, data and gradients."""
