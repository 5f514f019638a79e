"""Phone alignments and their readers."""
