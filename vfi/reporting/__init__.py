"""Figures on the screen and in files, pictures of them, and cards of released models.

``curves`` and ``sheets`` are kept out of here because they alone import matplotlib.
"""

from vfi.reporting.provenance import environment
from vfi.reporting.records import RECORD, as_json, write_csv, write_json
from vfi.reporting.tables import table

__all__ = ["RECORD", "as_json", "environment", "table", "write_csv", "write_json"]
