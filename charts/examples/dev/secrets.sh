#!/usr/bin/env bash
# Makes new keys and tokens (SECURITY.md) and puts them into the Secret `provider-access` of a namespace:
# secrets.sh NAMESPACE
set -euo pipefail
namespace=${1:?namespace}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
umask 077
secret() { openssl rand -base64 32 | tr '+/' '-_' | tr -d '='; }
for name in page-link.keys member-hash.keys administrator.tokens payer.tokens; do secret > "$folder/$name"; done
node -e '
  const { generateKeyPairSync, randomUUID } = require("crypto");
  const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });
  console.log(JSON.stringify({ keys: [{ ...key, kid: randomUUID(), alg: "ES256", use: "sig" }] }));
' > "$folder/token-signing-keys.json"
kubectl -n "$namespace" create secret generic provider-access --from-file="$folder"
