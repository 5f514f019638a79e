"""Encode audio to tables of codes, on one machine or many, and decode tables to audio."""

from vqspeech.encoding.tables import decode_table, encode_files, encode_store, unique_names

__all__ = ["decode_table", "encode_files", "encode_store", "unique_names"]
