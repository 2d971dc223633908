"""Sample lakes in one folder, each with its export file and the expected results of its segments.

    <folder>/lakes/<shape>/…          the tables
    <folder>/exports/<shape>.yaml     the export files
    <folder>/expected.json            counts of every segment, without addresses and digests
    <folder>/sample-lake.json         what was written here, so that it can be rewritten

The same seed and number of profiles give the same tables, on every machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import fsspec
import yaml

from customer_match_sample_lake.draws import SEED
from customer_match_sample_lake.lake import Lake
from customer_match_sample_lake.shape import Figures, Sample, Shape

__all__ = ["MARKER", "Samples"]

MARKER: Final = "sample-lake.json"
_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")  # of shapes: no path out of the folder
_EXPECTED: Final = "expected.json"
_CUSTOMER, _ACCOUNT = 190000001, 180000001  # of the simulator's ready-made account

Written = Callable[[Shape, Sample], None]


@dataclass(frozen=True)
class Samples:
    """A folder of sample lakes.

    Attributes:
        filesystem: Any fsspec file system.
        root: The folder in it, without a protocol.
        url: The folder as export files name it: a local path, or a URL such as `abfs://container/folder`.
        connection: Id of the Airflow connection that opens the URL; None for local folders.
        profiles: Rows of the largest segment of each lake.
        seed: Selects the sample customers.
    """

    filesystem: fsspec.AbstractFileSystem
    root: str
    url: str
    connection: str | None = None
    profiles: int = 300
    seed: int = SEED

    def write(self, shapes: Iterable[Shape], written: Written = lambda *_: None) -> dict[str, Figures]:
        """Write samples of some shapes, after deleting samples written here earlier.

        Args:
            shapes: The shapes to write.
            written: Called with each sample once it is written. A sample holds all its members; only the last one
                is kept in memory.

        Returns:
            Expected results of runs, as counts, by shape.
        """
        wanted = list(shapes)
        names = [shape.name for shape in wanted]
        self._remove([*(self._write() or ()), *names])
        self._json(MARKER, {"shapes": names, "profiles": self.profiles, "seed": self.seed})
        figures = {}
        for shape in wanted:
            sample = self._sample(shape)
            self._file(f"exports/{shape.name}.yaml", self._export(shape, sample))
            figures[shape.name] = sample.figures()
            written(shape, sample)
        self._json(_EXPECTED, figures)
        return figures

    def export_path(self, shape: str) -> str:
        """Return the path of a shape's export file, in the form of export files."""
        return f"{self.url}/exports/{shape}.yaml"

    def is_ours(self) -> bool:
        """Return whether samples were written here earlier."""
        return self._write() is not None

    def _sample(self, shape: Shape) -> Sample:
        folder = f"{self.root}/lakes/{shape.name}"
        return shape.write(Lake(self.filesystem, folder, shape.name, self.profiles, self.seed))

    def _write(self) -> Sequence[str] | None:
        """Return the shapes that were written here earlier; None if there are none or it is unknown."""
        try:
            found = json.loads(self.filesystem.cat_file(f"{self.root}/{MARKER}"))
            names = [str(name) for name in found["shapes"]]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        return names if all(_NAME.fullmatch(name) for name in names) else None

    def _remove(self, names: Iterable[str]) -> None:
        """Delete earlier samples; other files stay."""
        for name in dict.fromkeys(names):
            for path in (f"lakes/{name}", f"exports/{name}.yaml"):
                if self.filesystem.exists(f"{self.root}/{path}"):
                    self.filesystem.rm(f"{self.root}/{path}", recursive=True)
        if self.filesystem.exists(f"{self.root}/{_EXPECTED}"):
            self.filesystem.rm(f"{self.root}/{_EXPECTED}")

    def _export(self, shape: Shape, sample: Sample) -> bytes:
        place = {"connection": self.connection} if self.connection else {}
        keys = {
            "title": f"Sample lake {shape.name}",
            "cid": _CUSTOMER,
            "aid": _ACCOUNT,
            "source": place | {"root": f"{self.url}/lakes/{shape.name}"},
            **{key: value for key, value in sample.export.items() if key != "source"},
            "workspace": place | {"root": f"{self.url}/workspace"},
        }
        keys["source"] |= sample.export.get("source", {})
        text = yaml.safe_dump(keys, sort_keys=False, allow_unicode=True, width=100)
        about = f"# Made by `customer-match sample-lake`: {shape.description}.\n"
        return f"{about}# cid and aid are those of the simulator.\n\n{text}".encode()

    def _json(self, relative: str, content: object) -> None:
        self._file(relative, (json.dumps(content, indent=2) + "\n").encode())

    def _file(self, relative: str, content: bytes) -> None:
        path = f"{self.root}/{relative}"
        self.filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
        self.filesystem.pipe_file(path, content)
