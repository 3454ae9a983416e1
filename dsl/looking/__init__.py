"""Looking inside a trained network: why it decides as it does, and what makes it err."""
