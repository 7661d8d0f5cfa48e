import { eventually } from '@provider-access/testing';
import { http, json, type Served } from './road.ts';

const SERVICES = ['attribution', 'resources', 'export'] as const;

/**
 * Rebuilds every view, or the first `ofEach` of each service, beside the live one. A swap waits for readers of other
 * processes, so the views do it at the same time. @returns whether both were the same
 */
export async function rebuildAll(
  platform: Served,
  { ofEach = Infinity }: { readonly ofEach?: number } = {},
): Promise<{ view: string; equal: boolean | undefined }[]> {
  const results = await Promise.all(
    SERVICES.map(async (service) => {
      const listed = await http(`${platform.base}/ops/views/${service}`, { token: platform.administratorToken });
      const { views } = json<{ views: { view: string }[] }>(listed);
      if (views.length === 0) throw new Error(`${service} lists no view`);
      return Promise.all(views.slice(0, ofEach).map(({ view }) => rebuild(platform, service, view)));
    }),
  );
  return results.flat();
}

async function rebuild(
  platform: Served,
  service: string,
  view: string,
): Promise<{ view: string; equal: boolean | undefined }> {
  // Two services list a view that both read, so another call may rebuild it now.
  const answer = await eventually(async () => {
    const asked = await http(`${platform.base}/ops/views/${service}/${view}/rebuild`, {
      method: 'POST',
      token: platform.administratorToken,
    });
    if (asked.status === 409) throw new Error(`the rebuild of ${view} is a conflict: ${asked.body.toString('utf8')}`);
    return asked;
  });
  if (answer.status !== 200)
    throw new Error(`the rebuild of ${view} was answered ${answer.status}: ${answer.body.toString('utf8')}`);
  return { view, equal: json<{ equal?: boolean }>(answer).equal };
}
