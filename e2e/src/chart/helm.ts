import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { helmProgram } from '@provider-access/cluster/programs';
import { CHART } from './paths.ts';

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [more: string]: unknown;
}
export interface Rendered {
  readonly ok: boolean;
  readonly text: string;
  readonly errors: string;
}

/** Values that override others, as with `helm -f`. */
export type Values = Readonly<Record<string, unknown>>;

/** Renders the chart with values over values, as files or objects. It reads nothing of this machine's Helm. */
export async function template(
  values: readonly (string | Values)[],
  options: {
    readonly command?: readonly string[];
    readonly release?: string;
    readonly namespace?: string;
    readonly args?: readonly string[];
  } = {},
): Promise<Rendered> {
  const helm = await helmProgram();
  const home = mkdtempSync(join(tmpdir(), 'provider-access-helm-'));
  try {
    const files = values.map((each, i) => {
      if (typeof each === 'string') return each;
      const file = join(home, `${i}.yaml`);
      // As Helm reads it: an unquoted `yes` is a boolean there.
      writeFileSync(file, stringify(each, { version: '1.1' }));
      return file;
    });
    const env = {
      PATH: process.env['PATH'],
      HOME: home,
      HELM_CACHE_HOME: home,
      HELM_CONFIG_HOME: home,
      HELM_DATA_HOME: home,
    };
    const args = [
      ...(options.command ?? ['template']),
      options.release ?? 'provider-access',
      CHART,
      '--namespace',
      options.namespace ?? 'provider-access',
      ...files.flatMap((file) => ['-f', file]),
      ...(options.args ?? []),
    ];
    const { status, stdout, stderr } = spawnSync(helm, args, { env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    return { ok: status === 0, text: stdout, errors: stderr };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Every object of a rendering. @throws if it is no YAML, or if YAML 1.1 (which Kubernetes reads) and 1.2 differ */
export function objectsOf(text: string): readonly KubernetesObject[] {
  const documents = parseAllDocuments(text, { version: '1.1', logLevel: 'error' });
  if (!Array.isArray(documents)) return [];
  return documents
    .map((document) => {
      if (document.errors.length > 0) throw document.errors[0]!;
      return document.toJS() as KubernetesObject | null;
    })
    .filter((object) => object !== null);
}

/** Objects of the chart with these values. @throws when Helm refuses them */
export async function render(
  values: readonly (string | Values)[],
  args: readonly string[] = [],
): Promise<readonly KubernetesObject[]> {
  const { ok, text, errors } = await template(values, { args });
  if (!ok) throw new Error(errors);
  return objectsOf(text);
}
