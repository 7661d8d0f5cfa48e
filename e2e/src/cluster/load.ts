import { randomUUID } from 'node:crypto';
import { eventually } from '@provider-access/testing';
import { http, type HttpCall } from '../road.ts';
import type { Release } from './release.ts';

interface LoadReport {
  readonly requests: number;
  /** Answers that ask for a repetition (503 with Retry-After), which are right on a busy machine. */
  readonly repeated: number;
  /**
   * Answers and connections that failed through no fault of a client: any other answer from 500, and cut connections.
   */
  readonly failed: readonly string[];
}
export interface Load {
  /** Resolves when so many more requests were answered. */
  continues(requests?: number): Promise<void>;
  stop(): Promise<LoadReport>;
}

/** The requests of payers and providers, again and again, until `stop`. */
export function startLoad(
  release: Release,
  options: { readonly lanes?: number; readonly reading?: boolean } = {},
): Load {
  const event = (): HttpCall => ({
    method: 'POST',
    token: release.payerToken,
    headers: { 'content-type': 'application/cloudevents+json' },
    body: JSON.stringify({
      specversion: '1.0',
      id: randomUUID(),
      source: 'urn:example:load',
      type: 'payer.member-opted-in.v1',
      time: new Date().toISOString(),
      subject: `load-${Math.floor(Math.random() * 100)}`,
      datacontenttype: 'application/json',
      data: { scope: 'global', setBy: 'member' },
    }),
  });
  const reads: readonly (() => readonly [url: string, call?: HttpCall])[] = [
    () => [`${release.base}/fhir/metadata`],
    () => [`${release.base}/fhir/.well-known/smart-configuration`],
    () => [`${release.base}/auth/jwks`],
    () => [`${release.base}/fhir/Group?identifier=x`],
    () => [`${release.base}/fhir/bulk/status/none`],
    () => [`${release.base}/fhir/Consent`],
  ];
  const all = options.reading === true ? reads : [...reads, () => [`${release.internalBase}/events`, event()] as const];
  const failed: string[] = [];
  let requests = 0;
  let repeated = 0;
  let stopped = false;
  const lane = async (from: number): Promise<void> => {
    for (let i = from; !stopped; i++) {
      const [url, call] = all[i % all.length]!();
      const at = new Date().toISOString();
      const fault = await http(url, call, 1).then(
        ({ status, headers, body }) => {
          const again = status === 503 && headers['retry-after'] !== undefined;
          if (again) repeated += 1;
          return status < 500 || again ? undefined : `${status} ${body.toString().slice(0, 200)}`;
        },
        (error: unknown) => String(error),
      );
      requests += 1;
      if (fault !== undefined) failed.push(`${at} ${call?.method ?? 'GET'} ${url}: ${fault}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const lanes = Promise.all(Array.from({ length: options.lanes ?? 3 }, (_, i) => lane(i * 2)));
  return {
    async continues(more = 50) {
      const enough = requests + more;
      await eventually(() => requests >= enough, { what: `${more} requests were answered`, timeout: 240_000 });
    },
    async stop() {
      stopped = true;
      await lanes;
      return { requests, repeated, failed };
    },
  };
}
