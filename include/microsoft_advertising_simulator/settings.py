"""The limits and switches of the simulator, in one frozen model."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Settings"]


class Settings(BaseModel):
    """How the simulated service behaves; `behaviours` gives the source of each default.

    Times are seconds of the simulator's clock, sizes are bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sandbox: bool = Field(default=False, description="The sandbox's row and parallel limits apply.")
    terms_accepted: bool = Field(default=True, description="The Customer Match terms were accepted.")
    pilot_features: tuple[int, ...] = Field(
        default=(579,), description="Features that GetCustomerPilotFeatures returns."
    )
    strict_rotation: bool = Field(default=False, description="A refresh token works only once.")
    access_token_seconds: float = Field(default=3599, gt=0, description="Validity of an access token.")
    authorization_code_seconds: float = Field(
        default=300, gt=0, description="Validity of an authorization code."
    )
    web_redirect_uris: tuple[str, ...] = Field(
        default=("http://localhost",),
        description="Registered for the web application; `http://localhost` matches all ports.",
    )

    # How long things take and last.
    upload_url_seconds: float = Field(default=900, gt=0, description="Validity of an upload URL.")
    result_url_seconds: float = Field(
        default=300, gt=0, description="Validity of a result URL; the guide says 900."
    )
    result_file_seconds: float = Field(default=900, gt=0, description="How long results are kept.")
    download_file_seconds: float = Field(default=172_800, gt=0, description="How long downloads are kept.")
    queue_seconds: float = Field(default=0.2, ge=0, description="Time spent in FileUploaded.")
    processing_seconds: float = Field(default=0.3, ge=0, description="Minimum time spent in InProgress.")
    size_delay_seconds: float = Field(
        default=86_400, ge=0, description="How long sizes are null; another page says 172800."
    )

    # Limits.
    max_file_bytes: int = Field(
        default=100_000_000, gt=0, description="100 MB, decimal; binary would be 104857600."
    )
    max_unzipped_bytes: int = Field(default=4_000_000_000, gt=0, description="Largest unzipped file.")
    max_rows: int = Field(
        default=4_000_000, gt=0, description="Rows per file; the sandbox page says 2500000."
    )
    sandbox_max_rows: int = Field(default=20_000, gt=0, description="Rows per file in the sandbox.")
    max_entity_records: int = Field(
        default=1_000, gt=0, description="Maximum data lines of UploadEntityRecords."
    )
    parallel_uploads: int = Field(
        default=6, gt=0, description="Uploads in progress per customer; the guide says 5 to 6."
    )
    sandbox_parallel_uploads: int = Field(
        default=1, gt=0, description="Uploads in progress per customer in the sandbox."
    )
    calls_per_minute: int = Field(default=6_000, gt=0, description="Calls per customer and minute, else 117.")
    upload_urls_per_15_minutes: int = Field(
        default=1_000, gt=0, description="Upload URLs per account, else 4204."
    )
    downloads_per_15_minutes: int = Field(
        default=1_000, gt=0, description="Downloads per account, else 4204."
    )
    file_posts_per_minute: int = Field(
        default=600, gt=0, description="Uploaded files per customer, else 3227."
    )
    max_membership_days: int | None = Field(
        default=390, gt=0, description="Longest membership; pages say 390, 180, or no limit (None)."
    )
    max_lists_per_account: int | None = Field(
        default=None, gt=0, description="Lists per account, else 4865; None: no limit."
    )
    max_lists_per_customer: int | None = Field(
        default=None, gt=0, description="Lists per customer, else 4866; None: no limit."
    )

    # Switches for what the documents leave open or contradict. The description gives the other reading.
    entity_records: Literal["sync", "async", "unsupported"] = Field(
        default="sync", description="UploadEntityRecords: `sync`, `async` or `unsupported`."
    )
    file_size_counts: Literal["posted", "unzipped"] = Field(
        default="posted", description="Which size the 100 MB limit: `posted` or `unzipped`."
    )
    results_kept_from: Literal["end", "submission"] = Field(
        default="end", description="Start of the time for which results are kept: `end` or `submission`."
    )
    result_columns: Literal["all", "uploaded", "shuffled"] = Field(
        default="all",
        description="Columns of result files: `all` of Bulk, the `uploaded` ones, or all `shuffled` and with new ones.",
    )
    bom_required: bool = Field(default=True, description="A file without byte order mark is refused.")
    upper_case_hashes: bool = Field(default=False, description="Accept A-F in hashes.")
    duplicates_refused: bool = Field(
        default=False, description="A repeated hash for one list, in one file or call: 4200."
    )
    delete_removes: bool = Field(default=False, description="Action Type `Delete` means Remove; else 8001.")
    account_scope_in_bulk: bool = Field(
        default=True, description="Bulk files may create lists of scope Account; else 4849."
    )
    names_ignore_case: bool = Field(default=False, description="`List` and `list` are the same name: 4853.")
    terms_false_fails_upload: bool = Field(
        default=False, description="Terms `False` on one list fails the whole upload, with 8003."
    )
    empty_replace_clears: bool = Field(default=True, description="Replace without items empties the list.")
    replace_is_atomic: bool = Field(
        default=True,
        description="If false, a Replace empties its list first, and a failed upload leaves it empty.",
    )
    updates_customer_lists: bool = Field(
        default=True, description="UpdateAudiences changes customer lists; else 4859."
    )
    http_status_of_117: Literal[400, 429] = Field(default=429, description="HTTP status of code 117 in REST.")
    http_status_of_4204: Literal[400, 429] = Field(
        default=400, description="HTTP status of code 4204 in REST."
    )
    soap_fault_status: Literal[200, 500] = Field(
        default=500, description="HTTP status of SOAP faults; 200 was observed, too."
    )

    @property
    def row_limit(self) -> int:
        """Maximum data rows of one file."""
        return self.sandbox_max_rows if self.sandbox else self.max_rows

    @property
    def parallel_limit(self) -> int:
        """Maximum uploads of one customer in progress at the same time."""
        return self.sandbox_parallel_uploads if self.sandbox else self.parallel_uploads

    def http_status(self, number: int) -> int | None:
        """HTTP status of a code whose status is a setting; None for all others."""
        return {117: self.http_status_of_117, 4204: self.http_status_of_4204}.get(number)
