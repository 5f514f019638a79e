"""Units of any model as files: read for scoring beside a run's codes, and written for other tools."""
