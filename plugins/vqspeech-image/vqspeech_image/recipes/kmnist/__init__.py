"""Characters and digits: a quick look at codes of small grey images."""
