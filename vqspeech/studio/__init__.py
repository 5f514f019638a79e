"""``vqspeech studio``: a local page to record, convert, edit codes and listen."""
