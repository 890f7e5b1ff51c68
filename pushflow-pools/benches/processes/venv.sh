#!/bin/sh
# Makes the environment of peers.py in a folder, once: venv.sh FOLDER. Fails without python3 or without network.
set -eu
folder=$1
test -e "$folder/complete" && exit 0
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 10 'billiard==4.*' 'loky==3.*'
touch "$folder/complete"
