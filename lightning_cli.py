"""``python lightning_cli.py {fit,test,predict,...} -c configs/<job>.yaml``; see README.md."""

import sys

from vfi.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
