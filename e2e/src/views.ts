import { http, json, type Served } from './road.ts';

const SERVICES = ['attribution', 'resources', 'export'] as const;

/**
 * Rebuilds every view, or the first `ofEach` of each service, beside the live one. @returns whether both were the same
 */
export async function rebuildAll(
  platform: Served,
  { ofEach = Infinity }: { readonly ofEach?: number } = {},
): Promise<{ view: string; equal: boolean | undefined }[]> {
  const results: { view: string; equal: boolean | undefined }[] = [];
  for (const service of SERVICES) {
    const listed = await http(`${platform.base}/ops/views/${service}`, { token: platform.administratorToken });
    const { views } = json<{ views: { view: string }[] }>(listed);
    if (views.length === 0) throw new Error(`${service} lists no view`);
    for (const { view } of views.slice(0, ofEach)) {
      const answer = await http(`${platform.base}/ops/views/${service}/${view}/rebuild`, {
        method: 'POST',
        token: platform.administratorToken,
      });
      if (answer.status !== 200)
        throw new Error(`the rebuild of ${view} was answered ${answer.status}: ${answer.body.toString('utf8')}`);
      results.push({ view, equal: json<{ equal?: boolean }>(answer).equal });
    }
  }
  return results;
}
