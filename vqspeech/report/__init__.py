"""Reports: elements of a page as plain data, and the writer of an HTML page."""

from vqspeech.report.elements import Clip, CodeStrip, Headline, Picture, PlayerRow, Report, Section, Table
from vqspeech.report.write import write_report

__all__ = ["Clip", "CodeStrip", "Headline", "Picture", "PlayerRow", "Report", "Section", "Table", "write_report"]
