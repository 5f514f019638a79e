"""The recipe `voices`: the models that come with the distribution vqspeech-voices."""
