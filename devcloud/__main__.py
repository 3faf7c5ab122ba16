"""Entry point of `python -m devcloud`."""

from __future__ import annotations

import sys

from devcloud.cli import main

sys.exit(main(sys.argv[1:]))
