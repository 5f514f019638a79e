"""Where speech comes from: readers of corpora, and the 16 kHz store that training reads."""
