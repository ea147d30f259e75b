#!/usr/bin/env bash
# Check a release like a user: compare every byte, then evaluate the model in a new environment.
# `bash release/check.sh ARCHIVE PYTHON MNIST`
set -euo pipefail
archive=$1 python=$2 mnist=$(realpath "$3")
[ -f "$archive" ] || { echo "There is no $archive; \`make release\` makes it." >&2; exit 1; }
(cd "$(dirname "$archive")" && sha256sum --check --strict "$(basename "$archive").sha256")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
tar --extract --no-same-owner --file "$archive" --directory "$folder"
cd "$folder"/mnist-rnn-*/
sha256sum --check --strict --quiet SHA256SUMS
"$python" -m venv "$folder/environment"
"$folder/environment/bin/pip" install --quiet --require-hashes --requirement requirements.lock
"$folder/environment/bin/python" -I release/score.py "$mnist" 2> "$folder/errors" ||
    { cat "$folder/errors" >&2; exit 1; } # after a success, the errors are only TensorFlow's notices
