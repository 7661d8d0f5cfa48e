"""Exports the first Group of a provider.

Needs Python 3.9 and `pip install requests "pyjwt[crypto]"`.
Usage: python3 export.py BASE_URL CLIENT_ID KEY.json FOLDER
"""
import json
import pathlib
import sys
import time
import uuid

import jwt
import requests

base, client, key_file, folder = sys.argv[1:5]
session = requests.Session()


def get(url, **headers):
    response = session.get(url, headers=headers, stream=True, timeout=300)
    response.raise_for_status()
    return response


# 1. A token: SMART Backend Services, with a signed assertion instead of a secret.
token_endpoint = get(f"{base}/fhir/.well-known/smart-configuration").json()["token_endpoint"]
now = int(time.time())
key = json.loads(pathlib.Path(key_file).read_text())
claims = {"iss": client, "sub": client, "aud": token_endpoint, "jti": str(uuid.uuid4()), "iat": now, "exp": now + 240}
answer = session.post(
    token_endpoint,
    data={
        "grant_type": "client_credentials",
        "scope": "system/*.rs",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode(claims, jwt.PyJWK(key).key, key["alg"], {"kid": key["kid"]}),
    },
    timeout=60,
)
answer.raise_for_status()
session.headers.update({"Authorization": f"Bearer {answer.json()['access_token']}", "Accept": "application/fhir+json"})

# 2. The Group of the provider, and an export of it.
group = get(f"{base}/fhir/Group?_summary=true").json()["entry"][0]["resource"]["id"]
status_url = get(f"{base}/fhir/Group/{group}/$export", Prefer="respond-async").headers["Content-Location"]

# 3. Poll until the export is complete. The server says how long to wait.
while (status := get(status_url)).status_code == 202:
    time.sleep(int(status.headers.get("Retry-After", "1")))

# 4. Download the files. Keep transactionTime: it is `_since` of the next export.
manifest = status.json()
target = pathlib.Path(folder)
target.mkdir(mode=0o700, parents=True, exist_ok=True)
for number, output in enumerate(manifest["output"]):
    with get(output["url"]) as response, open(target / f"{number}.{output['type']}.ndjson", "wb") as file:
        for chunk in response.iter_content(1 << 16):
            file.write(chunk)
print(f"{len(manifest['output'])} files; the next _since is {manifest['transactionTime']}")
