"""Readers of image corpora in their usual layouts; each returns an `ImageCorpus`."""
