"""The paper's VCTK experiments: reconstruction, voice conversion, codes against phonemes."""
