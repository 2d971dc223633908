"""Whether a connection can act on the ids of an export, and which of them is said to be wrong; on the simulator."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_microsoft_advertising.connection.account_check import check_account
from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
from customer_match.errors import ConfigurationError, TransientError
from tests.airflow_microsoft_advertising.conftest import Connect, assert_no_secret
from tests.customer_match.export.samples import export
from tests.microsoft_advertising_simulator.api import Simulator

pytestmark = pytest.mark.system
CID, AID = 190000001, 180000001


def checked(**keys: Any) -> Any:
    wanted = export(**{"cid": CID, "aid": AID} | keys)
    hook = MicrosoftAdvertisingHook(wanted.connection, customer_id=wanted.cid, account_id=wanted.aid)
    return check_account(hook, wanted)


def test_the_account_is_returned(simulator: Simulator) -> None:
    assert checked().id == str(AID)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("ids", "told"),
    [
        ({"cid": CID + 1}, ("cid", f"Write `cid: {CID}`, or the `aid` of another account")),
        (
            {"aid": AID + 1},
            ("aid", f"may act on: cid {CID} with aid {AID} (Simulated account). Correct `aid`"),
        ),
        (
            {"cid": 5, "aid": 6},
            ("cid", f"cid {CID} with aid {AID} (Simulated account). Correct `cid` and `aid`"),
        ),
        ({"cid": AID, "aid": CID}, ("cid", "Correct `cid` and `aid`")),
    ],
)
@pytest.mark.parametrize("transport", ["rest", "soap"])
def test_the_wrong_id_is_named_with_the_right_one(
    simulator: Simulator, connect: Connect, ids: dict[str, int], told: tuple[str, str], transport: str
) -> None:
    connect(**account_with(simulator, transport=transport))
    with pytest.raises(ConfigurationError) as caught:
        checked(**ids)
    key, words = told
    assert caught.value.key == key
    assert words in str(caught.value)
    assert_no_secret(str(caught.value))


@pytest.mark.bad_input
def test_a_refused_sign_in_is_about_the_connection(simulator: Simulator) -> None:
    simulator.api.fault("Token", "fault", error="unauthorized_client", times=9)
    with pytest.raises(ConfigurationError, match="lient") as caught:
        checked()
    assert caught.value.key == "connection"
    with pytest.raises(ConfigurationError, match="There is no Airflow connection") as caught:
        checked(connection="elsewhere")
    assert caught.value.key == "connection"


def test_a_service_that_is_down_says_nothing_about_the_ids(simulator: Simulator) -> None:
    simulator.api.fault("GetAccount", "raw", status=503, times=9)
    with pytest.raises(TransientError):
        checked()


def test_a_service_that_does_not_tell_features_is_no_obstacle(simulator: Simulator) -> None:
    simulator.api.fault("GetCustomerPilotFeatures", "fault", code=204, times=9)
    assert checked().id == str(AID)


def account_with(simulator: Simulator, **extra: str) -> dict[str, Any]:
    from customer_match_demo.stack import account_connection

    fields = account_connection(simulator.ready)
    return fields | {"extra": fields["extra"] | extra}
