"""The page `docs/simulator.md`: how to use the simulator, its settings, and the table of behaviours with their tests.

Write it anew with ``python -m microsoft_advertising_simulator.behaviours.page > docs/simulator.md``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from microsoft_advertising_simulator.behaviours.proofs import Proof, proofs
from microsoft_advertising_simulator.behaviours.table import BEHAVIOURS, Behaviour
from microsoft_advertising_simulator.settings import Settings

__all__ = ["render"]

_INTRODUCTION: Final = """\
# The simulator

<!-- Made by `python -m microsoft_advertising_simulator.behaviours.page > docs/simulator.md`; do not edit by hand. -->

A local stand-in of Microsoft Advertising: a real HTTP server that keeps its data in a folder. It
imports nothing of the client, so that each checks the other. It speaks REST, SOAP and sign-in; both
faces share the same operations.

```
customer-match simulator --port 8800 --data .simulator
python -m microsoft_advertising_simulator --port 0 --data .simulator [--host ADDRESS] [--sandbox]
```

Once it answers calls it prints one line of JSON: `base_url`, and a ready-made account to sign in with
(`developer_token`, `client_id`, `client_secret`, `refresh_token`, `customer_id`, `account_id`; and
`public_client_id`, a native registration without a secret, to sign in with in a browser). The account
stays the same for the same folder. It ends on SIGTERM or Ctrl-C; killed hard, it goes on where it was
when it is started again. Open `base_url` in a browser to see what it holds.

## For tests and people

| call | what it does |
|---|---|
| `GET /simulator/audiences` | all lists with their number of members, deleted ones too |
| `POST /simulator/audiences/{id}` | as by hand: `name`, and `deleted`, `emptied`, `associated`: true |
| `GET /simulator/audiences/{id}/members` | sorted hashes, one a line |
| `GET /simulator/uploads` | all uploads with state and row counts |
| `GET`, `DELETE /simulator/requests` | the request log: time, operation, status, codes; never tokens or bodies |
| `GET`, `POST`, `DELETE /simulator/faults` | fault rules, see below |
| `GET`, `POST /simulator/clock` | `{"advance_seconds": 900}`; also `queue_seconds`, `processing_seconds` |
| `POST /simulator/tokens` | `expire_access`, `revoke_refresh`, `issue_refresh`, `strict_rotation`: true or false |
| `GET`, `POST /simulator/settings` | limits and switches, see below; a POST changes those that it names |

### Faults

A rule names an `operation` (as in the request log: `GetBulkUploadUrl`, `UploadFile`,
`GetBulkUploadStatus`, `DownloadResult`, `AddAudiences`, `Token`, …, or `*` for any call) and a `kind`. It
strikes REST and SOAP alike; a SOAP call that is for no operation bears its service's name (`BulkService`, …):

| kind | effect |
|---|---|
| `fault` | answers error `code` in the operation's own format (`error` for `Token`), with `status` if given |
| `delay` | waits `seconds`, then goes on, if the client still is there |
| `late` | takes the whole call, and carries it out after `seconds` or once the rules are removed, whether the client \
still is there or not: a call on its way. With a `status`, that is answered at once, as by a gateway that gives up |
| `hang` | waits `seconds` (or as long as the client does), then closes the connection |
| `drop` | closes the connection without doing anything |
| `drop_after_accept` | does the work, then closes the connection without an answer |
| `truncate` | closes the connection after `bytes` of the answer |
| `shorten` | leaves the answer out after `bytes`, as if that were all |
| `raw` | answers `status`, `body` and `content_type` as they are |

`nth` is the first matching call that is struck (1 = the next), `times` how many are (null = all),
`probability` the chance of each (the same in each run; another `seed` is another run of luck),
`retry_after` adds that header.

Some operations are no calls:

- `ProcessUpload`, kind `fault`: an accepted file ends as `state` (`Failed`, or any other end) with `code`. The
  share `applied` (0 to 1) of its items takes effect all the same, once a Replace has emptied its list; without
  `applied`, nothing does.
- `ProcessUpload`, kinds `delay` and `hang`: an accepted file stays InProgress for `seconds` of the simulated
  clock, or until the rules are removed.
- `ProcessDownload`, kind `fault`: the next download that is asked for ends as Failed with `code` (3603 makes it
  FailedFullSyncRequired).
- `JudgeItems`, kind `refuse`: of the good items of a file, or of one call of ApplyCustomerListUserData, the
  `share` (0 to 1) with the lowest hashes is refused with `code`; so it is the same members each time.

A list that an ad group uses (`associated`) cannot be deleted by calls.
"""


def render() -> str:
    """The page `docs/simulator.md`."""
    return f"{_INTRODUCTION}\n{_settings_table()}\n{_behaviour_tables()}"


def _settings_table() -> str:
    rows = [
        f"| `{name}` | {field.default} | {field.description or ''} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["### Settings", "", "| name | default | meaning |", "|---|---|---|", *rows, ""])


def _behaviour_tables() -> str:
    found = proofs()
    lines = [
        "## How sure we are",
        "",
        "`documented`: a page of Microsoft says so. `observed`: seen in real results or in what real clients",
        "send and get. `assumed`: our choice, because nothing says; do not rely on it against the live service.",
        "",
    ]
    for area, group in groupby(BEHAVIOURS, key=lambda behaviour: behaviour.area):
        lines += [f"### {area}", "", "| behaviour | basis | source or reason | key | proved by |"]
        lines += ["|---|---|---|---|---|", *(_row(entry, found.get(entry.key, ())) for entry in group), ""]
    return "\n".join(lines)


def _row(entry: Behaviour, tests: Sequence[Proof]) -> str:
    links = "<br>".join(f"[{test.file.name}::{test.name}](../{test.file.as_posix()})" for test in tests)
    return f"| {entry.what} | {entry.basis} | {entry.source} | `{entry.key}` | {links} |"


if __name__ == "__main__":
    sys.stdout.write(render())
