import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import type { KubernetesObject } from '@kubernetes/client-node';
import type { Api } from '@provider-access/cluster';

interface Answer {
  readonly status: number;
  readonly warnings: readonly string[];
  readonly body: {
    readonly message?: string;
    readonly resources?: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[];
  };
}

/**
 * The raw API, for parameters that the client library lacks (fieldValidation) and headers that it does not return
 * (warnings).
 */
function call(api: Api, method: string, path: string, body?: string): Promise<Answer> {
  const cluster = api.config.getCurrentCluster()!;
  const url = new URL(path, cluster.server);
  const headers = {
    authorization: `Bearer ${api.config.getCurrentUser()!.token}`,
    accept: 'application/json',
    ...(body !== undefined && { 'content-type': 'application/apply-patch+yaml' }),
  };
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false, ca: readFileSync(cluster.caFile!) }, (answer) => {
      const chunks: Buffer[] = [];
      answer
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('end', () => {
          const warnings = [answer.headers['warning'] ?? []].flat().map(String);
          resolve({
            status: answer.statusCode ?? 0,
            warnings,
            body: JSON.parse(Buffer.concat(chunks).toString()) as Answer['body'],
          });
        });
    });
    asked.on('error', reject).end(body);
  });
}

/**
 * The API server's faults of an object, warnings included, by a server-side apply that changes nothing
 * (`fieldValidation=Strict`, `dryRun=All`). Empty: none.
 */
export async function faultsOf(api: Api, object: KubernetesObject, namespace: string): Promise<string[]> {
  const group = object.apiVersion!.includes('/') ? `/apis/${object.apiVersion}` : `/api/${object.apiVersion}`;
  const known = (await call(api, 'GET', group)).body.resources?.find(
    ({ kind, name }) => kind === object.kind && !name.includes('/'),
  );
  const name = `${object.kind}/${object.metadata?.name}`;
  if (known === undefined) return [`${name}: the API server knows no ${object.kind} of ${object.apiVersion}`];
  const place = known.namespaced ? `${group}/namespaces/${namespace}/${known.name}` : `${group}/${known.name}`;
  const metadata = known.namespaced ? { ...object.metadata, namespace } : object.metadata;
  const answer = await call(
    api,
    'PATCH',
    `${place}/${object.metadata?.name}?fieldManager=tests&force=true&fieldValidation=Strict&dryRun=All`,
    JSON.stringify({ ...object, metadata }),
  );
  return [
    ...(answer.status < 300 ? [] : [`${name}: ${answer.body.message ?? answer.status}`]),
    ...answer.warnings.map((warning) => `${name}: ${warning}`),
  ];
}
