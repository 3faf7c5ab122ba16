# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who the bearer of a kubeconfig is: ``subject.py KUBECONFIG`` prints its certificate's subject."""

import base64
import sys

import yaml
from cryptography import x509

with open(sys.argv[1], encoding="utf-8") as kubeconfig:
    user = yaml.safe_load(kubeconfig)["users"][0]["user"]
print(x509.load_pem_x509_certificate(base64.b64decode(user["client-certificate-data"])).subject.rfc4514_string())
