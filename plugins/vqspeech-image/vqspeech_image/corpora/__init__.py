"""Where images come from: readers of the usual layouts, all giving an `ImageCorpus`."""
