"""Judge speech with measures of others: words by a recogniser, voices by speaker embeddings, quality by DNSMOS."""
