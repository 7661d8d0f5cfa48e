// Exports the first Group of a provider: node export.mjs BASE_URL CLIENT_ID KEY.json FOLDER (`npm install jose`)
import { randomUUID } from 'node:crypto';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { importJWK, SignJWT } from 'jose';

const [base, client, keyFile, folder] = process.argv.slice(2);
const key = JSON.parse(readFileSync(keyFile, 'utf8'));

async function fetchOk(url, options = {}) {
  const response = await fetch(url, options);
  if (!response.ok) throw new Error(`${options.method ?? 'GET'} ${url}: ${response.status} ${await response.text()}`);
  return response;
}

// 1. A token: SMART Backend Services, with a signed assertion instead of a secret.
const smart = await (await fetchOk(`${base}/fhir/.well-known/smart-configuration`)).json();
const assertion = await new SignJWT({})
  .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'JWT' })
  .setIssuer(client)
  .setSubject(client)
  .setAudience(smart.token_endpoint)
  .setJti(randomUUID())
  .setIssuedAt()
  .setExpirationTime('4m')
  .sign(await importJWK(key));
const answer = await fetchOk(smart.token_endpoint, {
  method: 'POST',
  body: new URLSearchParams({
    grant_type: 'client_credentials',
    scope: 'system/*.rs',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  }),
});
const headers = { authorization: `Bearer ${(await answer.json()).access_token}`, accept: 'application/fhir+json' };

// 2. The Group of the provider, and an export of it.
const groups = await (await fetchOk(`${base}/fhir/Group?_summary=true`, { headers })).json();
const group = groups.entry[0].resource.id;
const asynchronous = { headers: { ...headers, prefer: 'respond-async' } };
const kickOff = await fetchOk(`${base}/fhir/Group/${group}/$export`, asynchronous);

// 3. Poll until the export is complete. The server says how long to wait.
let status = await fetchOk(kickOff.headers.get('content-location'), { headers });
for (; status.status === 202; status = await fetchOk(status.url, { headers }))
  await wait(1000 * Number(status.headers.get('retry-after') ?? 1));

// 4. Download the files. Keep transactionTime: it is `_since` of the next export.
const manifest = await status.json();
mkdirSync(folder, { recursive: true, mode: 0o700 });
for (const [i, { type, url }] of manifest.output.entries()) {
  const { body } = await fetchOk(url, { headers });
  await pipeline(Readable.fromWeb(body), createWriteStream(join(folder, `${i}.${type}.ndjson`)));
}
console.log(`${manifest.output.length} files; the next _since is ${manifest.transactionTime}`);
