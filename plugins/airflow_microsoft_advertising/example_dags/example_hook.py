"""The hook alone: audiences, and members by calls and by files, without tables and ledgers.

What you send this way no ledger knows: use audiences of your own for it, not those of exports or operators.
"""

from __future__ import annotations

import hashlib
import time
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from airflow.sdk import DAG, task


def digests(*addresses: str) -> list[bytes]:
    """SHA-256 digests of addresses that are normalised already."""
    return [hashlib.sha256(address.encode()).digest() for address in addresses]


with DAG("example_hook", schedule=None, start_date=datetime(2026, 1, 1), tags=["example"]):  # noqa: DTZ001 (Airflow's time zone)

    @task
    def create() -> str:
        """List the audiences, and create one where it is missing."""
        from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook  # noqa: PLC0415 (heavy)

        with MicrosoftAdvertisingHook("microsoft_advertising_default").get_conn() as client:
            for audience in client.list_audiences():
                if audience.name == "Made with the hook":
                    return audience.id
            return client.create_audience("Made with the hook", description="An example")

    @task
    def apply(audience_id: str) -> list[str]:
        """Add members at once, up to 1,000 a call. Returns the names of errors."""
        import numpy as np  # noqa: PLC0415 (heavy)

        from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook  # noqa: PLC0415
        from microsoft_advertising.models import Action  # noqa: PLC0415

        members = np.frombuffer(b"".join(digests("anna@example.org", "ben@example.org")), np.uint8)
        with MicrosoftAdvertisingHook().get_conn() as client:
            refused = client.apply_members(audience_id, Action.ADD, members.reshape(-1, 32))
        return [error.name for error in refused]

    @task
    def upload(audience_id: str) -> list[str]:
        """Send members as a file, wait for its end, and read which rows were refused."""
        import numpy as np  # noqa: PLC0415 (heavy)

        from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook  # noqa: PLC0415
        from microsoft_advertising.bulk.file import write_bulk_file  # noqa: PLC0415
        from microsoft_advertising.models import Action  # noqa: PLC0415

        members = np.frombuffer(b"".join(digests("carla@example.org")), np.uint8).reshape(-1, 32)
        with TemporaryDirectory() as folder, MicrosoftAdvertisingHook().get_conn() as client:
            file = Path(folder, "members.zip")
            write_bulk_file(file, audience_id=audience_id, action=Action.ADD, members=[members])
            ticket = client.request_upload()
            client.upload_file(ticket, file)
            while not (status := client.upload_status(ticket.request_id)).state.final:
                time.sleep(5)
            return [error.name for error in client.row_errors(status.result_url)] if status.result_url else []

    made = create()
    apply(made) >> upload(made)  # type: ignore[arg-type]  # Airflow passes the value
