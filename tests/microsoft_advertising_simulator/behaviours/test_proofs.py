"""Which tests prove a behaviour: read off their marks."""

from __future__ import annotations

from pathlib import Path

import pytest

from microsoft_advertising_simulator.behaviours.proofs import Proof, proofs


def test_tests_are_found_by_their_marks(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "deep"
    folder.mkdir(parents=True)
    (folder / "test_one.py").write_text(
        'import pytest\n@pytest.mark.behaviour("a.b", "a.c")\ndef test_x(): ...\n'
        '@pytest.mark.behaviour("a.c")\n@pytest.mark.slow\nasync def test_y(): ...\ndef test_z(): ...\n'
    )
    (folder / "helper.py").write_text('import pytest\n@pytest.mark.behaviour("a.d")\ndef test_x(): ...\n')
    file = Path("tests/deep/test_one.py")
    assert proofs(tmp_path) == {
        "a.b": (Proof(file, "test_x"),),
        "a.c": (Proof(file, "test_x"), Proof(file, "test_y")),
    }


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("@pytest.mark.behaviour(KEY)\ndef test_x(): ...", "plain strings"),
        ('@pytest.mark.behaviour("a.b")\ndef helper(): ...', "not a test"),
        ('@pytest.mark.behaviour("a.b")\nclass TestX: ...', "not a test"),
    ],
)
def test_invalid_marks_are_rejected(tmp_path: Path, source: str, complaint: str) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_one.py").write_text(source)
    with pytest.raises(ValueError, match=complaint):
        proofs(tmp_path)
