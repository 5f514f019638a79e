"""What the codes are worth: phonemes, codebook use, reconstruction and conversion measured, figures and the report."""
