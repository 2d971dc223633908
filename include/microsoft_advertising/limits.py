"""Every limit of the service in one place, each with its source.

Sources are pages of Microsoft's documentation: `guides/bulk-download-upload` (the Bulk guide),
`guides/services-protocol`, `sandbox`, `bulk-service/*`, `campaign-management-service/*`. Where pages
disagree, the value that is valid under every reading is used, and the disagreement is noted.
"""

from __future__ import annotations

from datetime import date
from typing import Final

# --- SOAP ---------------------------------------------------------------------------------------------------

SOAP_ENDS: Final = date(2027, 1, 31)
"""Day on which Microsoft switches SOAP off (documented: guides/migrate-to-rest, 8 April 2026)."""

SOAP_WARNING_DAYS: Final = 90
"""Days before that day from which users of SOAP are warned (ours)."""

# --- Bulk files -------------------------------------------------------------------------------------------

MAX_FILE_BYTES: Final = 100_000_000
"""Largest upload file (documented: "100 MB" in the Bulk guide and services-protocol).

No page says whether this means the zip or its content, nor whether MB is 10^6 or 2^20. We apply the decimal value to
both the raw and the zipped file, which satisfies every reading."""

MAX_ROWS: Final = 4_000_000
"""Maximum rows of an upload file (documented in the Bulk guide, services-protocol and the help centre).

`sandbox` says 2.5 million for production. The byte limit on the raw file is reached well before either."""

SANDBOX_MAX_ROWS: Final = 20_000
"""Maximum rows of an upload file in the sandbox (documented, all pages agree)."""

MAX_PARALLEL_UPLOADS: Final = 5
"""Maximum uploads in progress for one customer (documented in the Bulk guide: "at most five to six")."""

FORMAT_VERSION: Final = "6.0"
"""Version of the Bulk file schema (documented: bulk-file-schema)."""

# --- Audiences ---------------------------------------------------------------------------------------------

MAX_NAME: Final = 128
"""Maximum characters of an audience's name (documented: customer-list)."""

MAX_DESCRIPTION: Final = 1024
"""Maximum characters of an audience's description (documented: customer-list)."""

NEVER_EXPIRES: Final = -1
"""Membership duration of a list whose members never expire (documented: customer-list)."""

MAX_MEMBERSHIP_DAYS: Final = 390
"""Longest finite membership duration, in days (documented: customerlist; other pages say 180 or nothing)."""

MIN_SERVABLE_MEMBERS: Final = 300
"""Minimum matched members for an audience to be served (documented: help centre, Customer match)."""

MIN_MEMBERS_FOR_BIDS: Final = 1_000
"""Minimum matched members for bids to be raised (documented: help centre, bid boosts; Bulk page of audience
associations)."""

CUSTOMER_LIST_FEATURE: Final = 579
"""Number of the feature "Customer List Audience" among a customer's pilot features (documented: the page of
GetCustomerPilotFeatures)."""

SIZES_HOURS: Final = 48
"""Hours for which an audience's sizes may be unknown after a change (documented: customerlist; customer-list: 24)."""

MAX_ID: Final = 2**63 - 1
"""Largest identifier: ids are signed 64-bit integers (documented: WSDL, `long`)."""

# --- Calls that change members (ApplyCustomerListUserData) --------------------------------------------------

MAX_ITEMS_PER_CALL: Final = 1_000
"""Maximum members of one call (documented: customerlistuserdata)."""

MAX_PARALLEL_CALLS: Final = 4
"""Maximum concurrent calls for one audience (ours). The service's limit is not documented, only its answers to too many
calls (207, 117). More would gain little: `auto` sends about ten calls."""

CALL_BEGINS_SECONDS: Final = 4 * 60
"""How long after the ledger's note of calls in progress the last attempt of such a call may start (ours).

A call is retried for 150 seconds (`RetryPolicy.budget`). Before a call, the note is renewed if it is older than
`CALLS_NOTED_SECONDS`."""

CALLS_NOTED_SECONDS: Final = 60
"""Maximum age of the ledger's note of calls in progress when another call starts (ours)."""

CALL_LANDS_SECONDS: Final = 15 * 60
"""How long after the ledger's note of calls in progress such a call may still change members (assumed).

Four minutes until the last attempt starts; two until our client times out (`wire.TIMEOUT`: 10 seconds to connect, 60
each without progress in sending and receiving); four that a gateway waits for the service behind it (documented: Azure
Front Door 240 seconds at most, App Service's load balancer 230); five for clock differences. What Microsoft Advertising
does with a call after the caller has disconnected is not documented."""

# --- What we accept from the service ------------------------------------------------------------------------
# Not limits of the service, but guards against an answer that would fill the disk or the memory.

MAX_ANSWER_BYTES: Final = 64 << 20
"""Largest SOAP answer that is read. A list of all audiences, at 1 kB each, is far smaller."""

MAX_RESULT_ZIP_BYTES: Final = 1 << 30
"""Largest results file that is downloaded. 4 M refused rows of 474 columns deflate to a few hundred MB."""

MAX_RESULT_SECONDS: Final = 30 * 60
"""Longest download of a results file, so that a server which sends a byte now and then cannot block a task for ever."""

MAX_RESULT_RAW_BYTES: Final = 16 << 30
"""Maximum unzipped size of a results file: 4 M rows and their 4 M error rows at 1 kB, doubled."""

MAX_RESULT_LINE: Final = 1 << 20
"""Longest line of a results file, in characters. Observed lines have 474 columns and a few kB at most."""
