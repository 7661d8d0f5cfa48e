import { http, json, type Served } from './road.ts';

const SERVICES = ['attribution', 'resources', 'export'] as const;

/** Builds every view again beside the live one and says whether the two were the same. */
export async function rebuildAll(platform: Served): Promise<{ view: string; equal: boolean | undefined }[]> {
  const results: { view: string; equal: boolean | undefined }[] = [];
  for (const service of SERVICES) {
    const listed = await http(`${platform.base}/ops/views/${service}`, { token: platform.administratorToken });
    for (const { view } of json<{ views: { view: string }[] }>(listed).views) {
      const answer = await http(`${platform.base}/ops/views/${service}/${view}/rebuild`, { method: 'POST', token: platform.administratorToken });
      if (answer.status !== 200) throw new Error(`the rebuild of ${view} was answered ${answer.status}: ${answer.body.toString('utf8')}`);
      results.push({ view, equal: json<{ equal?: boolean }>(answer).equal });
    }
  }
  return results;
}
