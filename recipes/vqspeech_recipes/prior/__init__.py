"""The paper's third experiment: priors over the codes of speech, and new speech drawn from them."""
