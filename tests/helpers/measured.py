"""What a measuring program found: on the screen, and in a file."""

import json
import sys
from pathlib import Path
from typing import Any

from vfi import reporting


def tell(found: dict[str, Any], output: Path | None) -> None:
    """Prints it, and writes it if a file is named."""
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    if output:
        reporting.write_json(found, output)
