"""Where the files of a run are in the workspace."""

from __future__ import annotations

from customer_match.safe_names import slug

__all__ = ["report_file", "report_page", "run_folder", "segment_folder", "staged_beside", "staged_folder"]


def run_folder(export: str, run_id: str) -> str:
    """Return the folder of a run."""
    return f"runs/{slug(export)}/{slug(run_id)}"


def segment_folder(export: str, run_id: str, audience: str) -> str:
    """Return the folder of a segment in a run."""
    return f"{run_folder(export, run_id)}/{slug(audience)}"


def report_file(export: str, run_id: str) -> str:
    """Return the path of the report of a run as JSON."""
    return f"{run_folder(export, run_id)}/report.json"


def staged_folder(export: str, run_id: str, audience: str) -> str:
    """Return the folder of what a run stages for an audience: its members, and the parts that it sends."""
    return f"staged/{slug(export)}/{slug(run_id)}/{slug(audience)}"


def staged_beside(segment_folder: str) -> str:
    """Return the folder of what is staged for a segment, by the segment's folder in the run."""
    return f"staged/{segment_folder.removeprefix('runs/')}"


def report_page(export: str, run_id: str) -> str:
    """Return the path of the report of a run as an HTML page."""
    return f"{run_folder(export, run_id)}/report.html"
