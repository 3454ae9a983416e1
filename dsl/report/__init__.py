"""The report of a training: one page with all that there is to see of it."""

from dsl.report.page import NEEDED, make_report, write_report

__all__ = ["NEEDED", "make_report", "write_report"]
