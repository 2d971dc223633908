#!/usr/bin/env bash
# An empty blob called `folder/` hides from `ls` and `walk` what the folder holds.
#
# adlfs 2026.8.0, fsspec 2026.9.0, azure-storage-blob 12.31.1, Azurite 3.37.0, Python 3.11. Storage explorers and
# copying tools leave an empty blob whose name is the folder's, with a slash at its end. Without the metadata
# `hdi_isfolder`, `ls` of that folder gives the folder itself and nothing of what it holds, and `walk` a file without a
# name; `find` and `glob` give the files. What lists folders thinks that a full one is empty, without an error.
# Seen on 2026-11-30: ls ['lake/m'], walk [('lake/m', [], [''])], find and glob ['lake/m/model.json'].
#
# Needs npm, for Azurite, which listens on 127.0.0.1 and is ended by its process id.
set -euo pipefail
folder=$(mktemp -d)
azurite=
trap '[ -z "$azurite" ] || kill "$azurite" 2>/dev/null || true; rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --prefix "$folder" azurite@3.37.0 >/dev/null
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  adlfs==2026.8.0 fsspec==2026.9.0 azure-storage-blob==12.31.1
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
node "$folder/node_modules/azurite/dist/src/blob/main.js" --silent --skipApiVersionCheck \
  --blobHost 127.0.0.1 --blobPort "$port" --location "$folder/data" >"$folder/log" 2>&1 &
azurite=$!
for _ in $(seq 100); do
  python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null && break
  sleep 0.2
done
NO_PROXY=127.0.0.1 PORT=$port "$folder/venv/bin/python" - <<'PYTHON'
import os

from adlfs import AzureBlobFileSystem
from azure.storage.blob import BlobServiceClient

# The account and key that Azurite publishes.
account = "devstoreaccount1"
key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
address = f"http://127.0.0.1:{os.environ['PORT']}/{account}"
connection = f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};BlobEndpoint={address};"

container = BlobServiceClient.from_connection_string(connection).create_container("lake")
container.upload_blob("m/model.json", b"{}")
container.upload_blob("m/", b"")

files = AzureBlobFileSystem(connection_string=connection)
seen = {"ls": files.ls("lake/m"), "walk": list(files.walk("lake/m"))}
seen |= {"find": files.find("lake/m"), "glob": files.glob("lake/m/*")}
print(seen)
assert seen["ls"] == ["lake/m"], seen
assert seen["walk"] == [("lake/m", [], [""])], seen
assert seen["find"] == seen["glob"] == ["lake/m/model.json"], seen
PYTHON
