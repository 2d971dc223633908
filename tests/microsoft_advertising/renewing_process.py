"""A separate process that renews its access token repeatedly: `python renewing_process.py JSON TIMES`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from microsoft_advertising.account import Account
from microsoft_advertising.auth.tokens import TokenSource
from microsoft_advertising.environment import Environment


class FileStore:
    """Stores the refresh token in a file that all processes share."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> str | None:
        return self.path.read_text() if self.path.exists() else None

    def save(self, refresh_token: str) -> None:
        new = self.path.with_suffix(f".{os.getpid()}")
        new.write_text(refresh_token)
        new.replace(self.path)


def main(task: dict[str, Any], times: int) -> None:
    source = TokenSource(
        Account.model_validate(task["account"]),
        Environment.at(task["base_url"]),
        FileStore(Path(task["store"])) if task["store"] else None,
    )
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    token = source.access_token()
    for _ in range(times - 1):
        token = source.access_token(refused=token)
    assert token
    source.close()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), int(sys.argv[2]))
