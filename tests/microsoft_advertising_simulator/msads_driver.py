"""A program with the unmodified `msads` SDK that tests call as a separate process.

Runs in an environment of its own, so it imports the SDK and the standard library only. Reads one JSON object a
line (``{"do": name, ...arguments}``) and answers one a line: ``{"ok": value}`` or ``{"error": {...}}``.
Started with the simulator's ready line and a working folder as arguments.
"""

from __future__ import annotations

import contextlib
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from bingads.authorization import AuthorizationData, OAuthAuthorization, OAuthTokens  # noqa: TID251
from bingads.service_client import ServiceClient  # noqa: TID251
from bingads.v13.bulk import (  # noqa: TID251
    BulkCustomerList,
    BulkCustomerListItem,
    BulkFileReader,
    BulkFileWriter,
    BulkServiceManager,
    DownloadParameters,
    EntityUploadParameters,
    FileUploadParameters,
    ResultFileType,
)
from openapi_client.models.campaign import (
    AddAudiencesRequest,
    ApplyCustomerListUserDataRequest,
    AudienceType,
    CustomerList,
    CustomerListUserData,
    DeleteAudiencesRequest,
    GetAudiencesByIdsRequest,
    UpdateAudiencesRequest,
)
from openapi_client.models.customer import (
    GetUserRequest,
    Paging,
    Predicate,
    SearchAccountsRequest,
)


class Program:
    """One signed-in program; each public method is a command."""

    def __init__(self, ready: dict[str, str], folder: Path) -> None:
        self._ready = ready
        self._folder = folder
        self._data = AuthorizationData(
            account_id=ready["account_id"],
            customer_id=ready["customer_id"],
            developer_token=ready["developer_token"],
            authentication=None,
        )

    def sign_in(self, access_token: str) -> None:
        """Use a token, also for the next call of existing clients."""
        tokens = OAuthTokens(access_token, 3599)
        self._data.authentication = OAuthAuthorization(self._ready["client_id"], tokens)

    # Campaign Management and Customer Management.

    def add(self, *lists: dict[str, Any]) -> dict[str, Any]:
        answer = self._campaign().add_audiences(
            AddAudiencesRequest(audiences=[self._list(**values) for values in lists])
        )
        return {"ids": answer.AudienceIds, "errors": _partial(answer)}

    def get(self, ids: list[str] | None = None) -> dict[str, Any]:
        answer = self._campaign().get_audiences_by_ids(
            GetAudiencesByIdsRequest(audience_ids=ids, type=AudienceType.CUSTOMERLIST)
        )
        shown = [
            None
            if found is None
            else {
                "class": type(found).__name__,
                "id": found.Id,
                "name": found.Name,
                "duration": found.MembershipDuration,
                "size": found.SearchSize,
            }
            for found in answer.Audiences
        ]
        return {"lists": shown, "errors": _partial(answer)}

    def update(self, *lists: dict[str, Any]) -> list[Any]:
        made = [CustomerList(Type="CustomerList", **values) for values in lists]
        return _partial(self._campaign().update_audiences(UpdateAudiencesRequest(audiences=made)))

    def delete(self, ids: list[str]) -> list[Any]:
        request = DeleteAudiencesRequest(audience_ids=ids)
        return _partial(self._campaign().delete_audiences(request))

    def apply(self, audience_id: str, action: str, items: list[str]) -> list[Any]:
        data = CustomerListUserData(
            audience_id=audience_id,
            action_type=action,
            customer_list_item_sub_type="Email",
            customer_list_items=items,
            accept_customer_match_term=True,
        )
        request = ApplyCustomerListUserDataRequest(CustomerListUserData=data)
        return _partial(self._campaign().apply_customer_list_user_data(request))

    def user(self) -> dict[str, Any]:
        client = self._client("CustomerManagement")
        answer = client.get_user(GetUserRequest(user_id=None))
        return {"customer": answer.User.CustomerId, "headers": dict(client.get_response_header())}

    def accounts(self) -> list[Any]:
        client = self._client("CustomerManagement")
        user = client.get_user(GetUserRequest(user_id=None)).User
        condition = Predicate(field="UserId", operator="Equals", value=user.Id)
        page = Paging(index=0, size=10)
        request = SearchAccountsRequest(predicates=[condition], page_info=page)
        return [account.Id for account in client.search_accounts(request).Accounts]

    # Bulk.

    def upload_file(self, rows: list[dict[str, Any]], content: str | None = None) -> dict[str, Any]:
        """Upload a file: one that the SDK writes, or given text."""
        path, result = self._folder / "to upload.csv", self._folder / "result.csv"
        if content is None:
            with BulkFileWriter(str(path)) as writer:
                for entity in self._entities(rows):
                    writer.write_entity(entity)
        else:
            path.write_bytes(content.encode())
        self._bulk().upload_file(
            FileUploadParameters(
                str(path),
                result_file_directory=str(self._folder),
                result_file_name=result.name,
                overwrite_result_file=True,
            )
        )
        with BulkFileReader(str(result), result_file_type=ResultFileType.upload) as reader:
            return {"rows": _rows(reader), "file_is_still_there": path.exists()}

    def upload_entities(self, rows: list[dict[str, Any]]) -> list[Any]:
        return _rows(self._bulk().upload_entities(EntityUploadParameters(self._entities(rows))))

    def download(
        self,
        name: str | None = "download.csv",
        entities: list[str] | None = None,
        since: str | None = None,
        kind: str = "Csv",
    ) -> list[Any]:
        found = self._bulk().download_entities(
            DownloadParameters(
                result_file_directory=str(self._folder),
                result_file_name=name,
                overwrite_result_file=True,
                download_entities=entities or ["CustomerLists"],
                file_type=kind,
                last_sync_time_in_utc=None if since is None else datetime.fromisoformat(since),
            )
        )
        return _rows(found)

    def upload_with_a_number_as_account(self) -> None:
        self._data.account_id = int(self._ready["account_id"])
        try:
            self.upload_file([])
        finally:
            self._data.account_id = self._ready["account_id"]

    def _client(self, service: str) -> Any:
        return ServiceClient(service, 13, self._data, location=self._ready["base_url"])

    def _campaign(self) -> Any:
        return self._client("CampaignManagement")

    def _bulk(self) -> Any:
        return BulkServiceManager(
            self._data,
            poll_interval_in_milliseconds=100,
            working_directory=str(self._folder),
            location=self._ready["base_url"],
        )

    def _list(self, **values: Any) -> Any:
        defaults = {
            "Type": "CustomerList",
            "Scope": "Customer",
            "ParentId": self._ready["customer_id"],
            "MembershipDuration": -1,
        }
        return CustomerList(**(defaults | values))

    def _entities(self, rows: list[dict[str, Any]]) -> list[Any]:
        """``{"list": fields, "action": …}`` and ``{"parent": id, "text": hash}``, both with a client id."""
        made = []
        for row in rows:
            if "list" in row:
                fields = CustomerList(Type="CustomerList", **row["list"])
                entity = BulkCustomerList(customer_list=fields, action_type=row.get("action", "Add"))
            else:
                entity = BulkCustomerListItem(parent_id=row["parent"], sub_type="Email", text=row["text"])
            entity.client_id = row.get("client")
            made.append(entity)
        return made


def _partial(answer: Any) -> list[Any]:
    return [[error.Index, error.Code] for error in answer.PartialErrors]


def _rows(entities: Any) -> list[Any]:
    return [_row(entity) for entity in entities]


def _row(entity: Any) -> dict[str, Any]:
    found = entity.customer_list if isinstance(entity, BulkCustomerList) else None
    values = {
        "class": type(entity).__name__,
        "client": entity.client_id,
        "errors": [[error.number, error.error] for error in entity.errors or ()],
        "parent": getattr(entity, "parent_id", None),
        "text": getattr(entity, "text", None),
        "status": getattr(entity, "status", None),
        "id": found and found.Id,
        "name": found and found.Name,
        "size": found and found.SearchSize,
    }
    return {key: value for key, value in values.items() if value not in (None, [])}


def _error(error: Exception) -> dict[str, Any]:
    return {
        "class": type(error).__name__,
        "text": str(error),
        "status": getattr(error, "status", None),
        "body": getattr(error, "body", None),
    }


def main(ready: str, folder: str) -> None:
    """Answer commands until standard input ends."""
    program = Program(json.loads(ready), Path(folder))
    answers = sys.stdout
    for line in sys.stdin:
        command = json.loads(line)
        try:
            with contextlib.redirect_stdout(sys.stderr):  # the SDK may print
                value = getattr(program, command["do"])(*command["arguments"], **command["names"])
            answer: dict[str, Any] = {"ok": value}
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises is what the test asks for
            answer = {"error": _error(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
