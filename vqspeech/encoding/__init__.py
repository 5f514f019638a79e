"""Audio to codes: a few files, a prepared corpus, or corpora beyond one machine; and tables of codes back to audio."""

from vqspeech.encoding.tables import decode_table, encode_files, encode_store, unique_names

__all__ = ["decode_table", "encode_files", "encode_store", "unique_names"]
