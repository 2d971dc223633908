"""The command `customer-match sample-lake`: made-up lakes of every shape that is read, to try and to look at."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from customer_match.errors import ConfigurationError

if TYPE_CHECKING:
    from customer_match_sample_lake.samples import Samples
    from customer_match_sample_lake.shape import Figures, Shape

__all__ = ["sample_lake"]

_DEFAULT_PROFILES = 300
_FEWEST_PROFILES = 50  # fewer, and small segments may be without a single usable address: guards stop these


def sample_lake(
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="Where: an empty folder, or one that this made.")
    ] = None,
    shape: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this shape; may be repeated. Default: all."),
    ] = None,
    profiles: Annotated[
        int, typer.Option(min=_FEWEST_PROFILES, help="Rows of the largest segment of each lake.")
    ] = _DEFAULT_PROFILES,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Chooses the people; the same seed makes the same lakes.")
    ] = None,
    *,
    list_shapes: Annotated[bool, typer.Option("--list", help="List the shapes and write nothing.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write into a folder that holds other files, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write sample lakes of every shape that is read, each with its export file and what its segments must become.

    Names and e-mail addresses are made up.
    """
    chosen = _chosen(shape or ())
    if list_shapes:
        typer.echo(json.dumps({"shapes": _described(chosen)}, indent=2) if as_json else _listed(chosen))
        return
    if folder is None:
        raise typer.BadParameter("Name the folder to write into, or add --list.", param_hint="FOLDER")
    samples = _samples(folder, profiles, seed, overwrite=overwrite)
    try:
        figures = samples.write(chosen, lambda one, _: typer.echo(f"{one.name}: written", err=True))
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be written ({error.strerror or type(error).__name__}). Name a folder that you may "
            "write to, on a disk with room."
        ) from error
    typer.echo((_as_json if as_json else _as_text)(samples, chosen, figures))


def _chosen(names: Sequence[str]) -> list[Shape]:
    """The shapes of these names, each once; none: all."""
    from customer_match_sample_lake.registry import SHAPES  # noqa: PLC0415 - keeps --help quick

    for name in names:
        if name not in SHAPES:
            near = get_close_matches(name, SHAPES, 1)
            hint = f"Did you mean {near[0]!r}?" if near else "--list shows what there is."
            raise typer.BadParameter(f"There is no shape {name!r}. {hint}", param_hint="--shape")
    return [SHAPES[name] for name in dict.fromkeys(names or SHAPES)]


def _samples(folder: Path, profiles: int, seed: int | None, *, overwrite: bool) -> Samples:
    """The folder, if it may be written to.

    Raises:
        ConfigurationError: It holds what this command did not make, or is no folder.
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
            f"{folder} holds files that this command has not made. Name an empty folder, or add --overwrite: then "
            "lakes, export files and expected.json that are called like the new ones are replaced, all else stays."
        )
    return samples


def _described(shapes: Sequence[Shape]) -> list[dict[str, str]]:
    return [{"name": shape.name, "description": shape.description} for shape in shapes]


def _listed(shapes: Sequence[Shape]) -> str:
    width = max(len(shape.name) for shape in shapes)
    return "\n".join(f"{shape.name:{width}}  {shape.description}" for shape in shapes)


def _as_json(samples: Samples, shapes: Sequence[Shape], figures: Mapping[str, Figures]) -> str:
    found = [
        one | {"export": samples.export_path(one["name"]), "expected": figures[one["name"]]}
        for one in _described(shapes)
    ]
    result = {
        "folder": samples.root,
        "profiles": samples.profiles,
        "seed": samples.seed,
        "shapes": found,
    }
    return json.dumps(result, indent=2, ensure_ascii=False)


def _as_text(samples: Samples, shapes: Sequence[Shape], figures: Mapping[str, Figures]) -> str:
    exports = shlex.quote(f"{samples.root}/exports")
    lines = [
        f"{len(shapes)} sample lakes of up to {samples.profiles:,} profiles a segment are in {samples.root}/lakes.",
        f"What each segment must become, in figures: {samples.root}/expected.json",
        "",
        "What to run next:",
        f"  customer-match validate {exports}",
    ]
    for name, date in _examples(figures):
        of_day = f" --date {date}" if date else ""
        lines.append(f"  CUSTOMER_MATCH_EXPORTS={exports} customer-match run {name} --dry-run{of_day}")
    return "\n".join(lines)


def _examples(figures: Mapping[str, Figures]) -> list[tuple[str, str | None]]:
    """One sample that a run of today reads, and one that has certain days alone."""
    examples: dict[bool, tuple[str, str | None]] = {}
    for name, states in figures.items():
        date = states[0]["date"]
        examples.setdefault(date is None, (name, date and date.partition("T")[0]))
    return [examples[key] for key in (True, False) if key in examples]
