"""The paper's VCTK experiments: reconstruction, voice conversion, codes and phonemes."""
