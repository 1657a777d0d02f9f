"""What is learned: LightningModules around a core. They know the core's contract and no particular core."""
