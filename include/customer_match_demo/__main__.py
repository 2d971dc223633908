"""`python -m customer_match_demo`: run the whole demo, or start and stop its stack."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from customer_match.project import PROJECT
from customer_match_demo.background import down, up
from customer_match_demo.show import show

FOLDER = PROJECT / ".demo"


def main() -> int:
    """Run the command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m customer_match_demo", description=__doc__)
    parser.add_argument(
        "what", choices=["show", "up", "down", "pictures", "page-pictures"], nargs="?", default="show"
    )
    parser.add_argument("--lake", choices=["local", "azurite"], default="local", help="storage of the tables")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the demo's full size")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="folder for all files of the demo")
    chosen = parser.parse_args()
    match chosen.what:
        case "up":
            up(chosen.folder)
        case "down":
            down(chosen.folder)
        case "pictures":
            from customer_match_demo.pictures import take  # noqa: PLC0415 (imports a browser's library)

            take(chosen.folder, PROJECT / "docs" / "images" / "run-and-report.png")
        case "page-pictures":
            from customer_match_demo.page_pictures import take_pages  # noqa: PLC0415 (as above)

            take_pages(chosen.folder, PROJECT / "docs" / "images", chosen.scale)
        case _:
            return 0 if show(chosen.folder, lake=chosen.lake, scale=chosen.scale) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
