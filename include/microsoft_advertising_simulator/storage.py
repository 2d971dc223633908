"""SQLite storage: one connection in WAL mode. Committed data survives a crash of the process."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from microsoft_advertising_simulator.model import (
    Audience,
    Download,
    ResponseMode,
    Scope,
    Upload,
    UploadError,
    UploadState,
)

__all__ = ["Storage"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (
  token TEXT PRIMARY KEY, kind TEXT NOT NULL, expires_at REAL, revoked INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS token_owners (
  token TEXT PRIMARY KEY, client_id TEXT NOT NULL, public INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS authorization_codes (
  code TEXT PRIMARY KEY, grant_json TEXT NOT NULL, redeemed INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS audiences (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL, scope TEXT NOT NULL,
  parent_id TEXT NOT NULL, membership_duration INTEGER NOT NULL, created_at REAL NOT NULL,
  modified_at REAL NOT NULL, data_at REAL, members INTEGER NOT NULL, members_file TEXT,
  deleted INTEGER NOT NULL, associated INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS additions (
  audience_id INTEGER NOT NULL, added_at REAL NOT NULL, file TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS uploads (
  request_id TEXT PRIMARY KEY, url_id TEXT NOT NULL UNIQUE, customer_id TEXT NOT NULL,
  account_id TEXT NOT NULL, user_id TEXT NOT NULL, response_mode TEXT NOT NULL, created_at REAL NOT NULL,
  state TEXT NOT NULL, file TEXT, accepted_at REAL, finished_at REAL, rows INTEGER NOT NULL,
  failed_rows INTEGER NOT NULL, error TEXT, result_file TEXT);
CREATE TABLE IF NOT EXISTS downloads (
  request_id TEXT PRIMARY KEY, customer_id TEXT NOT NULL, account_id TEXT NOT NULL, user_id TEXT NOT NULL,
  created_at REAL NOT NULL, result_file TEXT, error TEXT);
CREATE TABLE IF NOT EXISTS result_links (
  token TEXT PRIMARY KEY, file TEXT NOT NULL, expires_at REAL NOT NULL, kept_until REAL NOT NULL);
"""


class Storage:
    """Typed access to the database.

    Every method is safe to call from any thread. `transaction` joins several calls into one
    commit; hold it briefly, because all other threads wait.

    Args:
        path: The database file; created if it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        # A commit survives kill -9. A power failure could undo the latest commits, but never part of one.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the connection; further calls fail."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all changes inside together, or none of them."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def _run(self, sql: str, parameters: Iterable[Any] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(sql, tuple(parameters)).fetchall()

    # Small values: settings, clock, account, counters.

    def get(self, key: str) -> Any:
        """The JSON value stored under `key`, or None."""
        rows = self._run("SELECT value FROM state WHERE key = ?", [key])
        return json.loads(rows[0]["value"]) if rows else None

    def put(self, key: str, value: object) -> None:
        """Store a JSON value."""
        self._run("INSERT OR REPLACE INTO state VALUES (?, ?)", [key, json.dumps(value)])

    def next_audience_id(self) -> int:
        """A number that no audience ever had; numbers may be skipped."""
        with self.transaction():
            number = int(self.get("last_audience_id") or 800_000_000) + 1
            self.put("last_audience_id", number)
            return number

    # Tokens.

    def add_token(self, token: str, kind: str, expires_at: float | None) -> None:
        """Store an access or refresh token."""
        self._run("INSERT INTO tokens (token, kind, expires_at) VALUES (?, ?, ?)", [token, kind, expires_at])

    def token(self, token: str, kind: str) -> tuple[float | None, bool] | None:
        """Expiry (None = never) and whether it was revoked; None for an unknown token."""
        rows = self._run("SELECT expires_at, revoked FROM tokens WHERE token = ? AND kind = ?", [token, kind])
        return (rows[0]["expires_at"], bool(rows[0]["revoked"])) if rows else None

    def revoke_token(self, token: str) -> None:
        """Revoke one token."""
        self._run("UPDATE tokens SET revoked = 1 WHERE token = ?", [token])

    def revoke_tokens(self, kind: str) -> None:
        """Revoke all refresh tokens."""
        self._run("UPDATE tokens SET revoked = 1 WHERE kind = ?", [kind])

    def expire_tokens(self, kind: str) -> None:
        """Expire all access tokens."""
        self._run("UPDATE tokens SET expires_at = 0 WHERE kind = ?", [kind])

    def own_token(self, token: str, client_id: str, *, public: bool) -> None:
        """Store the client of a refresh token, and whether it was obtained without a secret."""
        self._run("INSERT INTO token_owners VALUES (?, ?, ?)", [token, client_id, int(public)])

    def token_owner(self, token: str) -> tuple[str, bool] | None:
        """Client id, and whether obtained without a secret; None for predefined and unknown tokens."""
        rows = self._run("SELECT client_id, public FROM token_owners WHERE token = ?", [token])
        return (rows[0]["client_id"], bool(rows[0]["public"])) if rows else None

    # Authorization codes.

    def add_code(self, code: str, grant: dict[str, Any]) -> None:
        """Store an authorization code and its grant."""
        self._run(
            "INSERT INTO authorization_codes (code, grant_json) VALUES (?, ?)", [code, json.dumps(grant)]
        )

    def code(self, code: str) -> tuple[dict[str, Any], bool] | None:
        """The grant of a code, and whether it was redeemed; None for an unknown code."""
        rows = self._run("SELECT grant_json, redeemed FROM authorization_codes WHERE code = ?", [code])
        return (json.loads(rows[0]["grant_json"]), bool(rows[0]["redeemed"])) if rows else None

    def redeem_code(self, code: str) -> None:
        """Mark a code as used."""
        self._run("UPDATE authorization_codes SET redeemed = 1 WHERE code = ?", [code])

    # Audiences.

    def save_audience(self, audience: Audience) -> None:
        """Insert or replace."""
        self._save("audiences", asdict(audience))

    def audience(self, audience_id: int) -> Audience | None:
        """One audience, also if it is deleted."""
        rows = self._run("SELECT * FROM audiences WHERE id = ?", [audience_id])
        return _audience(rows[0]) if rows else None

    def audience_named(self, name: str, *, ignore_case: bool = False) -> Audience | None:
        """The audience of this name that is not deleted; compared exactly, or without regard to case."""
        if ignore_case:
            living = (audience for audience in self.audiences() if not audience.deleted)
            return next((found for found in living if found.name.casefold() == name.casefold()), None)
        rows = self._run("SELECT * FROM audiences WHERE name = ? AND NOT deleted", [name])
        return _audience(rows[0]) if rows else None

    def audiences(self) -> list[Audience]:
        """All audiences by id, including deleted ones."""
        return [_audience(row) for row in self._run("SELECT * FROM audiences ORDER BY id")]

    # When members were added, for lists whose memberships expire.

    def add_addition(self, audience_id: int, added_at: float, file: str) -> None:
        """Record that the digests of a file were added to a list."""
        self._run("INSERT INTO additions VALUES (?, ?, ?)", [audience_id, added_at, file])

    def additions(self, audience_id: int) -> list[tuple[float, str]]:
        """When, and in which files, members were added to a list; oldest first."""
        rows = self._run(
            "SELECT added_at, file FROM additions WHERE audience_id = ? ORDER BY added_at", [audience_id]
        )
        return [(row["added_at"], row["file"]) for row in rows]

    def addition_files(self) -> list[str]:
        """All files of additions."""
        return [row["file"] for row in self._run("SELECT file FROM additions")]

    def drop_addition(self, file: str) -> None:
        """Delete an addition."""
        self._run("DELETE FROM additions WHERE file = ?", [file])

    def audiences_with_expired_members(self, now: float) -> list[Audience]:
        """Lists, except deleted ones, with members whose duration is over."""
        rows = self._run(
            "SELECT * FROM audiences WHERE NOT deleted AND membership_duration > 0 AND id IN (SELECT audience_id "
            "FROM additions WHERE added_at + 86400.0 * membership_duration <= ?)",
            [now],
        )
        return [_audience(row) for row in rows]

    # Uploads.

    def save_upload(self, upload: Upload) -> None:
        """Insert or replace."""
        values = asdict(upload)
        values["error"] = None if upload.error is None else json.dumps(values["error"])
        self._save("uploads", values)

    def upload(self, request_id: str) -> Upload | None:
        """The upload of a request id."""
        rows = self._run("SELECT * FROM uploads WHERE request_id = ?", [request_id])
        return _upload(rows[0]) if rows else None

    def upload_by_url(self, url_id: str) -> Upload | None:
        """The upload that an upload URL belongs to."""
        rows = self._run("SELECT * FROM uploads WHERE url_id = ?", [url_id])
        return _upload(rows[0]) if rows else None

    def uploads(self) -> list[Upload]:
        """All uploads, oldest first."""
        return [_upload(row) for row in self._run("SELECT * FROM uploads ORDER BY created_at")]

    def unfinished_uploads(self) -> list[Upload]:
        """Accepted uploads without a recorded outcome, in the order of acceptance."""
        rows = self._run(
            "SELECT * FROM uploads WHERE file IS NOT NULL AND finished_at IS NULL ORDER BY accepted_at"
        )
        return [_upload(row) for row in rows]

    # Downloads.

    def save_download(self, download: Download) -> None:
        """Insert or replace."""
        values = asdict(download)
        values["error"] = None if download.error is None else json.dumps(values["error"])
        self._save("downloads", values)

    def download(self, request_id: str) -> Download | None:
        """The download of a request id."""
        rows = self._run("SELECT * FROM downloads WHERE request_id = ?", [request_id])
        return _download(rows[0]) if rows else None

    # Result files of both.

    def result_files(self) -> list[str]:
        """Names of all result files of uploads and downloads."""
        rows = self._run(
            "SELECT result_file FROM uploads WHERE result_file IS NOT NULL "
            "UNION SELECT result_file FROM downloads WHERE result_file IS NOT NULL"
        )
        return [row["result_file"] for row in rows]

    def add_result_link(self, token: str, file: str, expires_at: float, kept_until: float) -> None:
        """Store the token of a short-lived URL."""
        self._run("INSERT INTO result_links VALUES (?, ?, ?, ?)", [token, file, expires_at, kept_until])

    def result_link(self, token: str) -> tuple[str, float, float] | None:
        """The file of a URL's token, its expiry, and the time at which the file counts as removed."""
        rows = self._run("SELECT file, expires_at, kept_until FROM result_links WHERE token = ?", [token])
        return tuple(rows[0]) if rows else None

    def _save(self, table: str, values: dict[str, Any]) -> None:
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        # Table and column names are this module's own; values are bound.
        self._run(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", values.values())  # noqa: S608


def _audience(row: sqlite3.Row) -> Audience:
    values = dict(row)
    values["scope"] = Scope(values["scope"])
    values["deleted"] = bool(values["deleted"])
    values["associated"] = bool(values["associated"])
    return Audience(**values)


def _upload(row: sqlite3.Row) -> Upload:
    values = dict(row)
    values["response_mode"] = ResponseMode(values["response_mode"])
    values["state"] = UploadState(values["state"])
    values["error"] = _error(values["error"])
    return Upload(**values)


def _download(row: sqlite3.Row) -> Download:
    values = dict(row)
    values["error"] = _error(values["error"])
    return Download(**values)


def _error(text: str | None) -> UploadError | None:
    return None if text is None else UploadError(**json.loads(text))
