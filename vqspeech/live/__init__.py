"""Convert speech while it is spoken: blocks of a microphone in, blocks for a loudspeaker out."""
