"""``python -m vfi`` is the command ``vfi``."""

import sys

from vfi.cli import main

if __name__ == "__main__":  # spawned processes import this module, too
    sys.exit(main())
