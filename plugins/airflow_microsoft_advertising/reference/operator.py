"""The page of the operator's arguments, from its signature and docstring."""

from __future__ import annotations

import inspect
import re
from typing import Any, Final

from airflow_microsoft_advertising.customer_match import CustomerMatchUploadOperator
from airflow_microsoft_advertising.reference.markdown import table

__all__ = ["arguments", "page"]

_HEAD: Final = """# Arguments of CustomerMatchUploadOperator

Generated from the operator by `python -m airflow_microsoft_advertising.reference`; do not edit.
[Use it in your own Airflow](your-own-airflow.md#a-task-in-a-dag-of-your-own) shows how to use it.

```python
from airflow_microsoft_advertising.customer_match import CustomerMatchUploadOperator
```
"""

_TAIL: Final = """It also takes the arguments of all operators of Airflow, such as `task_id`, `pool` and `retries`.
*Templated* arguments may contain Airflow's templates, such as `{{ ds }}`. The task returns, by audience: `audience_id`,
`outcome`, `profiles`, `members`, `added`, `removed`.
"""

_TEMPLATED: Final = " (templated)"
_SETTING: Final = {"deferrable": "Airflow's setting"}
"""Defaults that are read from Airflow's settings when the module is imported."""


def page() -> str:
    """Return the page."""
    rows = [
        (f"`{name}`", meaning.replace(_TEMPLATED, ""), _default(name), "yes" if _TEMPLATED in meaning else "")
        for name, meaning in arguments().items()
    ]
    return f"{_HEAD}\n{table(['argument', 'meaning', 'default', 'templated'], rows)}\n\n{_TAIL}"


def arguments() -> dict[str, str]:
    """The arguments and their meanings, from the section `Args` of the docstring."""
    _, _, section = inspect.cleandoc(CustomerMatchUploadOperator.__doc__ or "").partition("Args:\n")
    found = re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", section, re.MULTILINE)
    return {name: " ".join(meaning.split()) for name, meaning in found}


def _default(name: str) -> str:
    default: Any = inspect.signature(CustomerMatchUploadOperator.__init__).parameters[name].default
    if default is inspect.Parameter.empty:
        return "**required**"
    if default is None:
        return ""
    return _SETTING.get(name) or f"`{default}`"
