"""The command `customer-match sample-lake`: writes sample lakes in all supported shapes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_microsoft_advertising.cli.output import writes_to
from customer_match.errors import ConfigurationError
from customer_match.wording import counted

if TYPE_CHECKING:
    from customer_match_sample_lake.samples import Samples
    from customer_match_sample_lake.shape import Figures, Shape

__all__ = ["sample_lake"]

_DEFAULT_PROFILES = 300
_FEWEST_PROFILES = 50  # with fewer, a small segment may have no usable address, and guards stop it


def sample_lake(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="Folder to write to: empty, or written by this command."),
    ] = None,
    shape: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Write only this shape; may be repeated. Default: all."),
    ] = None,
    profiles: Annotated[
        int, typer.Option(min=_FEWEST_PROFILES, help="Rows of the largest segment of each lake.")
    ] = _DEFAULT_PROFILES,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Random seed: the same seed makes the same lakes.")
    ] = None,
    *,
    list_shapes: Annotated[bool, typer.Option("--list", help="List the shapes and write nothing.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write even if the folder holds other files.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write sample lakes in all supported shapes, each with an export file and the expected results.

    Names and e-mail addresses are made up.
    """
    chosen = _choose(shape or ())
    if list_shapes:
        typer.echo(json.dumps({"shapes": _describe(chosen)}, indent=2) if as_json else _list_text(chosen))
        return
    if folder is None:
        raise typer.BadParameter("Name the folder to write to, or add --list.", param_hint="FOLDER")
    with writes_to(folder):
        samples = _samples(folder, profiles, seed, overwrite=overwrite)
        figures = samples.write(chosen, lambda one, _: typer.echo(f"{one.name}: written", err=True))
    typer.echo((_as_json if as_json else _as_text)(samples, chosen, figures))


def _choose(names: Sequence[str]) -> list[Shape]:
    """Return the shapes of these names, each once; without names, all shapes."""
    from customer_match_sample_lake.registry import SHAPES  # noqa: PLC0415 - keeps --help quick

    for name in names:
        if name not in SHAPES:
            near = get_close_matches(name, SHAPES, 1)
            hint = f"Did you mean {near[0]!r}?" if near else "--list shows all shapes."
            raise typer.BadParameter(f"There is no shape {name!r}. {hint}", param_hint="--shape")
    return [SHAPES[name] for name in dict.fromkeys(names or SHAPES)]


def _samples(folder: Path, profiles: int, seed: int | None, *, overwrite: bool) -> Samples:
    """Check that the folder may be written to, and open it.

    Raises:
        ConfigurationError: It is not a folder, or holds files that this command did not write.
    """
    from fsspec.implementations.local import LocalFileSystem  # noqa: PLC0415 - keeps --help quick

    from customer_match_sample_lake.draws import SEED  # noqa: PLC0415
    from customer_match_sample_lake.samples import Samples  # noqa: PLC0415

    place = str(folder.resolve())
    samples = Samples(LocalFileSystem(), place, place, profiles=profiles, seed=SEED if seed is None else seed)
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"{folder} is a file. Name a folder.")
    if folder.exists() and any(folder.iterdir()) and not (overwrite or samples.is_ours()):
        raise ConfigurationError(
            f"{folder} holds files that this command did not write. Name an empty folder, or add --overwrite: it "
            "replaces lakes, export files and expected.json of the same names and keeps all other files."
        )
    return samples


def _describe(shapes: Sequence[Shape]) -> list[dict[str, str]]:
    return [{"name": shape.name, "description": shape.description} for shape in shapes]


def _list_text(shapes: Sequence[Shape]) -> str:
    width = max(len(shape.name) for shape in shapes)
    return "\n".join(f"{shape.name:{width}}  {shape.description}" for shape in shapes)


def _as_json(samples: Samples, shapes: Sequence[Shape], figures: Mapping[str, Figures]) -> str:
    described = [
        one | {"export": samples.export_path(one["name"]), "expected": figures[one["name"]]}
        for one in _describe(shapes)
    ]
    result = {
        "folder": samples.root,
        "profiles": samples.profiles,
        "seed": samples.seed,
        "shapes": described,
    }
    return json.dumps(result, indent=2, ensure_ascii=False)


def _as_text(samples: Samples, shapes: Sequence[Shape], figures: Mapping[str, Figures]) -> str:
    exports = shlex.quote(f"{samples.root}/exports")
    lakes = counted(len(shapes), "sample lake")
    lines = [
        f"{lakes} with up to {samples.profiles:,} profiles per segment: {samples.root}/lakes",
        f"Expected counts of each segment: {samples.root}/expected.json",
        "",
        "Next commands:",
        f"  customer-match validate {exports}",
    ]
    for name, date in _examples(figures):
        option = f" --date {date}" if date else ""
        lines.append(f"  CUSTOMER_MATCH_EXPORTS={exports} customer-match run {name} --dry-run{option}")
    return "\n".join(lines)


def _examples(figures: Mapping[str, Figures]) -> list[tuple[str, str | None]]:
    """Return one sample that a run of today reads, and one that only has certain days."""
    examples: dict[bool, tuple[str, str | None]] = {}
    for name, states in figures.items():
        date = states[0]["date"]
        examples.setdefault(date is None, (name, date and date.partition("T")[0]))
    return [examples[key] for key in (True, False) if key in examples]
