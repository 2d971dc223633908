"""``python -m include.simulator --port 0 --data DIR``."""

import sys

from include.simulator.command import main

sys.exit(main())
