import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KUBERNETES_VERSION } from '@provider-access/cluster/programs';
import { cached, cacheFolder, cacheKey, goProgram, pipInstall } from '@provider-access/testing';
import { parse } from 'yaml';
import { CRDS, crdFolder } from './crds.ts';
import { jsonSchemas, type Definition } from './crd-schema.ts';

/**
 * A Python package that carries the schemas of each version of Kubernetes; the patch release does not matter to them.
 */
const SCHEMAS = `kubernetes-validate==${KUBERNETES_VERSION.split('.').slice(0, 2).join('.')}.0`;

/** Path of kubeconform. The first call builds it. */
export const kubeconformProgram = (progress?: (line: string) => void): Promise<string> =>
  goProgram({ name: 'kubeconform', package: 'github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0' }, progress);

/**
 * Folder of JSON schemas in kubeconform's layout: `kind-group-version.json` for Kubernetes, `kind_version.json` for
 * foreign kinds. They are fetched if the cache does not have them. Throws if pip or Go is missing, or a registry is
 * unreachable.
 */
export async function schemaFolder(): Promise<string> {
  const key = createHash('sha256')
    .update(JSON.stringify([SCHEMAS, CRDS]))
    .digest('hex')
    .slice(0, 16);
  return cached(join(cacheFolder(), cacheKey('kubernetes-schemas', key)), async (made) => {
    mkdirSync(made);
    const wheel = join(made, 'wheel');
    await pipInstall(SCHEMAS, wheel);
    const folder = join(wheel, 'kubernetes_validate/kubernetes-json-schema');
    const strict = readdirSync(folder).find(
      (name) => name.startsWith(`v${SCHEMAS.split('==')[1]}`) && name.endsWith('strict'),
    )!;
    for (const file of readdirSync(join(folder, strict))) {
      // References are to a path that exists only in that package.
      const { $id: _, ...schema } = JSON.parse(
        readFileSync(join(folder, strict, file), 'utf8').replaceAll('"/api/_definitions.json#', '"_definitions.json#'),
      ) as Record<string, unknown>;
      writeFileSync(join(made, file), JSON.stringify(schema));
    }
    rmSync(wheel, { recursive: true });
    const crds = await crdFolder();
    for (const file of readdirSync(crds)) {
      for (const [name, schema] of Object.entries(
        jsonSchemas(parse(readFileSync(join(crds, file), 'utf8')) as Definition),
      ))
        writeFileSync(join(made, name), JSON.stringify(schema));
    }
  });
}

/** Names of valid objects, and a sentence for each fault. */
export interface Verdict {
  readonly valid: number;
  readonly faults: readonly string[];
}
interface Report {
  resources?: { filename: string; kind: string; name: string; status: string; msg: string }[];
}

/**
 * The report of `kubeconform -strict` about each of these manifests. A kind without a schema is a fault. The caller
 * checks the number of objects, because none is no fault here. All are checked in one run, because reading the schemas
 * takes most of the time.
 */
export async function kubeconform(manifests: readonly string[]): Promise<readonly Verdict[]> {
  const schemas = await schemaFolder();
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-kubeconform-'));
  try {
    const files = manifests.map((text, i) => {
      const file = join(folder, `${i}.yaml`);
      writeFileSync(file, text);
      return file;
    });
    const locations = [
      '{{.ResourceKind}}{{.KindSuffix}}.json',
      '{{.ResourceKind}}_{{.ResourceAPIVersion}}.json',
    ].flatMap((name) => ['-schema-location', join(schemas, name)]);
    const { stdout, stderr } = spawnSync(
      await kubeconformProgram(),
      ['-strict', '-verbose', '-n', '2', '-output', 'json', ...locations, ...files],
      { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
    );
    if (stdout === '') throw new Error(stderr);
    const { resources = [] } = JSON.parse(stdout) as Report;
    // An empty document has no status.
    return files.map((file) => {
      const own = resources.filter(({ filename, status }) => filename === file && status !== '');
      const faults = own
        .filter(({ status }) => status !== 'statusValid')
        .map(({ kind, name, status, msg }) => `${kind} ${name}: ${status} ${msg}`);
      return { valid: own.length - faults.length, faults: faults.toSorted() };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
