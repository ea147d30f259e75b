#!/usr/bin/env bash
# Pack the commit, its pages and the SHA-256 of every file, and write the archive's SHA-256 beside it.
# `bash release/make.sh PYTHON NAME` writes dist/NAME.tar, with the same bytes for the same commit.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1 name=$2
if [ -n "$(git rev-parse --show-cdup 2>&1)" ]; then
    echo "A release is made from a commit: expected a git clone, and $PWD is none." >&2
    exit 1
fi
commit=$(git rev-parse HEAD) objects=$(realpath "$(git rev-parse --git-path objects)")
mkdir -p dist
folder=$(mktemp -d "$PWD/dist/.making-XXXXXX") # on the disk of dist, so that moving a file is atomic
trap 'rm -rf "$folder"' EXIT

# The git settings and attributes of a user or of this clone could change the bytes. So git reads the
# commit from an empty repository, which has no settings and uses this clone's objects.
plain_git() {
    GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_ATTR_NOSYSTEM=1 \
        XDG_CONFIG_HOME=$folder HOME=$folder GIT_DIR=$folder/git GIT_INDEX_FILE=$folder/index \
        GIT_ALTERNATE_OBJECT_DIRECTORIES=$objects git "$@"
}
plain_git init --quiet --bare --template= "$folder/git"
plain_git read-tree "$commit"
changed=$(GIT_WORK_TREE=$PWD plain_git diff --name-only && git ls-files --others --exclude-standard)
if [ -n "$changed" ]; then
    echo "Commit first: $(wc -l <<< "$changed") file(s) differ, such as $(head -n 1 <<< "$changed")." >&2
    exit 1
fi
"$python" -m mnist_rnn.web.site --output "$folder/site"
pack() {
    plain_git archive --format=tar --prefix="$name/site/" "${pages[@]}" --prefix="$name/" \
        --add-file=release/RELEASE.md "$@" "$commit"
}
mapfile -t pages < <(printf -- '--add-file=%s\n' "$folder"/site/*)
pack | tar --extract --directory "$folder"
(cd "$folder/$name" && find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum > ../SHA256SUMS)
pack --add-file="$folder/SHA256SUMS" > "$folder/$name.tar"
(cd "$folder" && sha256sum "$name.tar" | tee "$name.tar.sha256")
mv "$folder/$name.tar" "$folder/$name.tar.sha256" dist
