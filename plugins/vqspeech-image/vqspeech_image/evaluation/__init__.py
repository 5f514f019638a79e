"""What a model is worth: exact bits per dimension, fidelity of reconstructions, use of codes, and yardsticks that need no model."""
