#!/usr/bin/env bash
# Resolve pyproject.toml into the two lock files: every dependency pinned with its hashes, no index and no URL named.
# Needs uv (python -m pip install uv). Run after a change of the dependencies: make lock
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(sed -n 's/^requires = \["\(setuptools==[^"]*\)"\]$/\1/p' pyproject.toml)
common=(--universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet)
# The development lock first: what runs is then pinned to what was tested.
echo "$build" | uv pip compile pyproject.toml - --extra dev "${common[@]}" -o requirements-dev.lock
echo "$build" | uv pip compile pyproject.toml - -c requirements-dev.lock "${common[@]}" -o requirements.lock
