"""`make secrets`: looks for secrets in all files of the commit and in new ones, offline, with detect-secrets.

What was looked at and is no secret is in `.secrets.baseline`, by file and hash, in detect-secrets' own format. Lines
may move: a finding is known whatever its line. `--accept` writes the file anew; look at what it adds. Tests are full of
made-up passwords, so only forms that are surely secrets (private keys, tokens of known services) count there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import transient_settings

__all__ = ["main"]

_BASELINE: Final = ".secrets.baseline"
_GUESSING: Final = {
    "BasicAuthDetector", "Base64HighEntropyString", "HexHighEntropyString", "KeywordDetector"
}  # fmt: skip


def main(arguments: Sequence[str] | None = None, *, project: Path = Path(__file__).parents[1]) -> int:
    """Scan; print what the baseline does not have, by file and line, never the secret. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="secret-scan", description=__doc__)
    parser.add_argument("--accept", action="store_true", help="take all findings into the baseline")
    accept = parser.parse_args(arguments).accept
    baseline: dict[str, Any] = json.loads((project / _BASELINE).read_text(encoding="utf-8"))
    found = _scan(project, baseline)
    if accept:
        results = {file: [one | {"filename": file} for one in ones] for file, ones in found.json().items()}
        new = baseline | {"results": results}  # detect-secrets itself gives whole paths of this machine
        (project / _BASELINE).write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8")
        return 0
    known = _known(baseline["results"])
    unknown = sorted(
        (file, secret.line_number, secret.type)
        for file, secret in found
        if (file, secret.type, secret.secret_hash) not in known
    )
    for file, line, kind in unknown:
        print(f"{file}, line {line}: {kind}")
    if unknown:
        print(
            "Remove secrets, and replace them where they are valid. What is none: make secrets ARGS=--accept"
        )
    return 1 if unknown else 0


def _scan(project: Path, baseline: Mapping[str, Any]) -> SecretsCollection:
    found, plugins = SecretsCollection(root=str(project)), baseline["plugins_used"]
    files = _files(project)
    of_tests = [name for name in files if name.startswith("tests/")]
    certain = [plugin for plugin in plugins if plugin["name"] not in _GUESSING]
    for names, used in ((sorted({*files} - {*of_tests}), plugins), (of_tests, certain)):
        with transient_settings({"plugins_used": used, "filters_used": baseline["filters_used"]}):
            found.scan_files(*names)
    return found


def _files(project: Path) -> list[str]:
    """Return all files that git knows or does not ignore, without the baseline."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=project, check=True, capture_output=True, text=True).stdout.split(
        "\0"
    )
    return [name for name in names if name not in ("", _BASELINE) and (project / name).is_file()]


def _known(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> set[tuple[str, str, str]]:
    return {(file, one["type"], one["hashed_secret"]) for file, found in results.items() for one in found}


if __name__ == "__main__":
    sys.exit(main())
