#!/usr/bin/env bash
# With pytest 9.2.0, pytest-xdist's `--dist loadgroup` spreads the tests of a group over all workers, without a word.
#
# pytest 9.2.0 and 9.1.1, pytest-xdist 3.8.0, Python 3.11. xdist marks the tests of a group by writing to a private
# attribute of pytest's items, which pytest 9.2.0 no longer reads. Every test then is a group of its own: `loadgroup`
# works as `load` does. A suite whose groups protect something expensive or shared (a running service, a database, a
# port) starts it once in each worker, and tests of one group run at the same time. Nothing fails or warns; only the
# suffix `@group` is missing in the output of `-v`. With pytest 9.1.1 and the same xdist, groups stay together.
# Known upstream: pytest-dev/pytest-xdist issue 1386.
# Seen on 2026-11-30, 8 tests of one group, 2 workers:
#   pytest 9.1.1   1 worker    test_group.py::test_a[0]@one
#   pytest 9.2.0   2 workers   test_group.py::test_a[0]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/test_group.py" <<'PYTHON'
import time

import pytest

pytestmark = pytest.mark.xdist_group("one")


@pytest.mark.parametrize("number", range(8))
def test_a(number):
    time.sleep(0.2)
PYTHON
for version in 9.1.1 9.2.0; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "pytest==$version" pytest-xdist==3.8.0
  (cd "$folder" && "$folder/$version/bin/pytest" -v -n 2 --dist loadgroup -p no:cacheprovider test_group.py) > "$folder/$version.txt"
  workers=$(grep -o '^\[gw[0-9]*\]' "$folder/$version.txt" | sort -u | wc -l)
  suffixes=$(grep -c 'PASSED.*@one' "$folder/$version.txt" || true)
  echo "pytest $version: $workers worker(s), $suffixes of 8 node ids with a suffix"
  echo "$version $workers $suffixes" >> "$folder/seen.txt"
done
diff <(printf '9.1.1 1 8\n9.2.0 2 0\n') "$folder/seen.txt"
