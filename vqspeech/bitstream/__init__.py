"""Codes as a bitstream: packed by a range coder, driven by adaptive counts or by a prior, and unpacked exactly."""

from vqspeech.bitstream.packing import Packed, pack, unpack

__all__ = ["Packed", "pack", "unpack"]
