"""``vqspeech play``: draw the next frames for the actions that one chooses."""
