import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { gunzipLines } from '@provider-access/cli';
import type { FhirResource } from '@provider-access/fhir';
import type { Pa } from './pa.ts';

/**
 * Attributes members to a provider and exports their Group with an app of that provider, by the commands of `pa`.
 * @param work folder for the key, the app and the files
 * @returns the exported resources by `Type/id`
 */
export async function exportOf(
  pa: Pa,
  work: string,
  npi: string,
  members: readonly string[],
): Promise<Map<string, FhirResource>> {
  const [key, app] = [join(work, 'key.json'), join(work, 'app.json')];
  for (const step of [
    ['network', '--npi', npi, '--status', 'in-network'],
    ['attribute', '--npi', npi, '--from', '2020-01-01', '--member', ...members],
    ['keys', 'new', '--out', key],
    ['apps', 'register', '--name', 'Reader', '--npi', npi, '--key', key, '--out', app],
  ])
    expect(await pa(...step)).toMatchObject({ code: 0 });
  const { client_id: client } = JSON.parse(readFileSync(app, 'utf8')) as { client_id: string };
  expect(await pa('apps', 'approve', client, '--npi', npi, '--evidence', 'a test')).toMatchObject({ code: 0 });
  const groups = JSON.parse((await pa('--json', 'groups', '--app', app, '--npi', npi)).stdout) as { id: string }[];
  const answer = await pa('--json', 'export', '--app', app, '--group', groups[0]!.id, '--out', join(work, 'files'));
  expect(answer.code).toBe(0);
  const exported = new Map<string, FhirResource>();
  for (const { kind, file } of (JSON.parse(answer.stdout) as { files: { kind: string; file: string }[] }).files) {
    expect(kind).toBe('output');
    for await (const line of gunzipLines(file)) {
      const resource = JSON.parse(line) as FhirResource;
      const about = `${resource.resourceType}/${resource.id}`;
      expect(exported.has(about)).toBe(false);
      exported.set(about, resource);
    }
  }
  return exported;
}
