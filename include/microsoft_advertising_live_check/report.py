"""The record of a check, as JSON and as Markdown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from microsoft_advertising_live_check.check import Record
from microsoft_advertising_live_check.probes import Verdict

__all__ = ["as_json", "as_markdown", "write"]


def as_json(record: Record) -> dict[str, Any]:
    """Return the record for programs."""
    return {
        "began": record.began.isoformat(timespec="seconds"),
        "environment": record.environment,
        "calls": record.calls,
        "uploads": record.uploads,
        "all_lists_deleted": not record.left,
        "trouble": list(record.trouble),
        "rows": [
            {
                "key": entry.key,
                "behaviour": entry.what,
                "basis": entry.basis.value,
                "verdict": finding.verdict.value,
                "observed": finding.observed,
            }
            for entry, finding in record.rows()
        ],
    }


def as_markdown(record: Record) -> str:
    """Return the record for readers; refuted rows come first."""
    lines = [
        "# Live check",
        "",
        f"{record.began:%Y-%m-%d %H:%M} UTC, {record.environment}: {record.uploads} files, {record.calls} raw calls.",
        "All lists of the check are deleted."
        if not record.left
        else f"**Not deleted: {', '.join(record.left)}.**",
        "",
    ]
    lines += [f"- failed: {reason}" for reason in record.trouble]
    for verdict in (Verdict.REFUTED, Verdict.CONFIRMED, Verdict.NOT_SEEN):
        rows = [(entry, finding) for entry, finding in record.rows() if finding.verdict is verdict]
        lines += ["", f"## {verdict.value.capitalize()}: {len(rows)}", ""]
        lines += ["| row | simulator | basis | observed |", "|---|---|---|---|"] if rows else []
        lines += [f"| `{e.key}` | {e.what} | {e.basis} | {f.observed.replace('|', '/')} |" for e, f in rows]
    return "\n".join(lines) + "\n"


def write(record: Record, folder: Path) -> tuple[Path, Path]:
    """Write both files; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"{record.began:%Y%m%dT%H%M%SZ}"
    paths = stem.with_suffix(".json"), stem.with_suffix(".md")
    paths[0].write_text(json.dumps(as_json(record), indent=1), encoding="utf-8")
    paths[1].write_text(as_markdown(record), encoding="utf-8")
    return paths
