"""``python -m vfi`` is the command ``vfi``."""

import sys

from vfi.stopping import ending_at_once


def main() -> int:
    """Runs the command of this process, whose start may be stopped as all of it; its status."""
    with ending_at_once():
        from vfi import cli
    return cli.main()


if __name__ == "__main__":  # spawned processes import this module, too
    sys.exit(main())
