#!/bin/sh
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Start the gateway of the collection that is installed in the image; its settings come from the environment.
set -eu
collections=/usr/share/ansible/collections
PYTHONPATH="$collections:$collections/ansible_collections/kcloud/infrastructure"
export PYTHONPATH
exec python3 -m gateway "$@"
