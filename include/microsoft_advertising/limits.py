"""Every limit of the service in one place, each with its source.

Sources are pages of Microsoft's documentation: `guides/bulk-download-upload` (the Bulk guide),
`guides/services-protocol`, `sandbox`, `bulk-service/*`, `campaign-management-service/*`. Where pages
disagree, the value that keeps every reading is used and the disagreement is written down.
"""

from __future__ import annotations

from datetime import date
from typing import Final

# --- SOAP ---------------------------------------------------------------------------------------------------

SOAP_ENDS: Final = date(2027, 1, 31)
"""Day on which Microsoft switches SOAP off (documented: guides/migrate-to-rest, 8 April 2026)."""

SOAP_WARNING_DAYS: Final = 90
"""Days before that day from which on those who use SOAP are warned; ours."""

# --- Bulk files -------------------------------------------------------------------------------------------

MAX_FILE_BYTES: Final = 100_000_000
"""Largest upload file (documented: "100 MB" in the Bulk guide and services-protocol).

Whether the zip or what is in it is meant is stated nowhere, nor whether MB is 10^6 or 2^20. The decimal
reading is kept for both the raw and the zipped file, so that no reading is broken."""

MAX_ROWS: Final = 4_000_000
"""Rows of an upload file (documented in the Bulk guide, services-protocol and the help centre).

`sandbox` says 2.5 million for production; the byte limit on the raw file binds well below either."""

SANDBOX_MAX_ROWS: Final = 20_000
"""Rows of an upload file in the sandbox (documented, all pages agree)."""

MAX_PARALLEL_UPLOADS: Final = 5
"""Uploads in flight for one customer (documented in the Bulk guide: "at most five to six")."""

FORMAT_VERSION: Final = "6.0"
"""Version of the Bulk file schema (documented: bulk-file-schema)."""

# --- Audiences ---------------------------------------------------------------------------------------------

MAX_NAME: Final = 128
"""Characters of an audience's name (documented: customer-list)."""

MAX_DESCRIPTION: Final = 1024
"""Characters of an audience's description (documented: customer-list)."""

NEVER_EXPIRES: Final = -1
"""Membership duration of a list whose members stay (documented: customer-list)."""

MAX_MEMBERSHIP_DAYS: Final = 390
"""Longest finite membership duration, in days (documented: customerlist; other pages say 180 or nothing)."""

MIN_SERVABLE_MEMBERS: Final = 300
"""Matched members below which an audience is not served (documented: help centre, Customer match)."""

CUSTOMER_LIST_FEATURE: Final = 579
"""Number of the feature "Customer List Audience" among a customer's pilot features (documented: the page of
GetCustomerPilotFeatures)."""

SIZES_HOURS: Final = 48
"""How long an audience's sizes may be unknown after a change (documented: customerlist; customer-list says 24)."""

MAX_ID: Final = 2**63 - 1
"""Identifiers are signed 64-bit integers (documented: WSDL, `long`)."""

# --- Calls that change members (ApplyCustomerListUserData) --------------------------------------------------

MAX_ITEMS_PER_CALL: Final = 1_000
"""Members of one call (documented: customerlistuserdata)."""

MAX_PARALLEL_CALLS: Final = 4
"""Calls at the same time for one audience (ours). How many the service takes is documented nowhere, only what it
answers to too many (207, 117). More would gain little: `auto` sends ten calls or so."""

CALL_BEGINS_SECONDS: Final = 4 * 60
"""How long after it was written down that calls are made the last try of one of them may begin (ours).

A call is tried for 150 seconds (`RetryPolicy.budget`), and what is written down is written anew before a call if it is
older than `CALLS_NOTED_SECONDS`."""

CALLS_NOTED_SECONDS: Final = 60
"""How old what is written down of calls under way may be when another one begins (ours)."""

CALL_LANDS_SECONDS: Final = 15 * 60
"""How long after it was written down that calls are made one of them may still change members (assumed).

Four minutes until the last try begins; two until our client gives it up (`wire.TIMEOUT`: 10 seconds to connect, 60 each
without progress in sending and receiving); four that a gateway waits for the service behind it (documented for Azure
Front Door: 240 seconds at the most; App Service's load balancer: 230); five for clocks that differ. What Microsoft
Advertising does with a call whose caller has gone is documented nowhere."""

# --- What we accept back -----------------------------------------------------------------------------------
# Not limits of the service: guards against an answer that would fill the disk or the memory.

MAX_ANSWER_BYTES: Final = 64 << 20
"""Largest SOAP answer that is read. An account's audiences, at 1 kB each, need a fraction of it."""

MAX_RESULT_ZIP_BYTES: Final = 1 << 30
"""Largest results file that is downloaded. 4 M refused rows of 474 columns deflate to a few hundred MB."""

MAX_RESULT_SECONDS: Final = 30 * 60
"""Longest that a results file may take to arrive: a server that sends a byte now and then holds nobody for ever."""

MAX_RESULT_RAW_BYTES: Final = 16 << 30
"""Most bytes that are unzipped: 4 M rows and their 4 M error rows at 1 kB, doubled."""

MAX_RESULT_LINE: Final = 1 << 20
"""Longest line of a results file, in characters. Live ones have 474 columns and a few kB at most."""
