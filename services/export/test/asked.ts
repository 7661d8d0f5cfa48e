import { GROUP, type ManifestBody, type Platform } from './harness.ts';

/** What a kick-off asks for. */
export interface Asking {
  readonly operation?: '$export' | '$davinci-data-export';
  readonly lenient?: boolean;
  readonly query?: string;
  readonly parameter?: readonly unknown[];
  readonly token?: string;
}

export const patient = (reference: string): object => ({ name: 'patient', valueReference: { reference } });
export const text = (name: string, valueString: string): object => ({ name, valueString });

/** Starts an export by POST. */
export const ask = (
  platform: Platform,
  { operation = '$davinci-data-export', lenient = false, query = '', parameter = [], token }: Asking,
): Promise<Response> =>
  platform.fetch(`/fhir/Group/${GROUP}/${operation}${query}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/fhir+json',
      prefer: lenient ? 'respond-async, handling=lenient' : 'respond-async',
    },
    body: JSON.stringify({ resourceType: 'Parameters', parameter }),
    ...(token !== undefined && { token }),
  });

/** The manifest of an export that must be accepted. */
export async function asked(platform: Platform, asking: Asking): Promise<ManifestBody> {
  const answer = await ask(platform, asking);
  if (answer.status !== 202) throw new Error(`kick-off ${answer.status}: ${await answer.text()}`);
  return platform.manifest(answer.headers.get('content-location')!.replace('http://test', ''));
}

/** `Type/id` of all lines, sorted. */
export async function namesOf(platform: Platform, manifest: ManifestBody): Promise<readonly string[]> {
  const lines = Object.values(await platform.lines(manifest)).flat();
  return lines.map(({ resourceType, id }) => `${String(resourceType)}/${id}`).toSorted();
}

/** The texts of the `error` files. */
export async function warningsOf(platform: Platform, manifest: ManifestBody): Promise<readonly string[]> {
  const outcomes = (await platform.lines(manifest, 'error'))['OperationOutcome'] ?? [];
  return outcomes.map((outcome) => JSON.stringify(outcome));
}
