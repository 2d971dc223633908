#!/usr/bin/env bash
# A comment behind the last semicolon makes `parse_one` return another kind of node.
#
# sqlglot 30.30.0, Python 3.11. `parse_one` of "SELECT 1" and of "SELECT 1;" is a Select. With a comment behind the
# semicolon, as editors and people leave it, it is a Block that holds the Select and a Semicolon, as it is for two
# statements. Code that asks `isinstance(tree, exp.Select)`, or looks at `tree.args["from"]`, fails for a query that is
# no different; `tree.sql()` goes on to work.
# Seen on 2026-11-30: Select, Select, Block, Block.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check sqlglot==30.30.0
"$folder/venv/bin/python" - <<'PYTHON'
import sqlglot

queries = ("SELECT 1", "SELECT 1;", "SELECT 1; -- done", "SELECT 1; SELECT 2")
kinds = [type(sqlglot.parse_one(query)).__name__ for query in queries]
print(kinds, [type(part).__name__ for part in sqlglot.parse_one(queries[2]).expressions])
assert kinds == ["Select", "Select", "Block", "Block"], kinds
PYTHON
