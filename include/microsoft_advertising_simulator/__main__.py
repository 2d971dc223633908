"""``python -m microsoft_advertising_simulator --port 0 --data DIR``."""

import sys

from microsoft_advertising_simulator.command import main

sys.exit(main())
