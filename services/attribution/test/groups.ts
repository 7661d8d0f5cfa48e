import { dataOf } from '@provider-access/events';
import { expect } from 'vitest';
import { recordsOf } from '@provider-access/process/testing';
import type { Harness } from './harness.ts';

export interface GroupJson {
  readonly id: string;
  readonly quantity: number;
  readonly member?: readonly { entity: { reference: string }; period: { start: string; end?: string } }[];
  readonly meta: { readonly versionId: string; readonly lastUpdated: string };
}
export interface BundleJson {
  readonly total: number;
  readonly entry?: readonly { readonly fullUrl: string; readonly resource: GroupJson }[];
  readonly link: readonly { readonly relation: string; readonly url: string }[];
}
type Headers = Record<string, string>;

/** The data of each record of a topic that has this type. */
export async function typed<T = Record<string, unknown>>({ log }: Harness, topic: string, type: string): Promise<T[]> {
  const all = await recordsOf(log, topic);
  const own = all.filter((record) => record.headers['ce_type'] === type);
  return own.map(({ value }) => dataOf<T>({ value }));
}
export const members = ({ member = [] }: GroupJson): string[] => member.map(({ entity }) => entity.reference);
/** Searches Groups as a client, and expects an answer. */
export async function find(h: Harness, headers: Headers, query = ''): Promise<BundleJson> {
  const answer = await h.get(`/fhir/Group${query}`, headers);
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json<BundleJson>();
}
export const onlyGroup = async (h: Harness, headers: Headers): Promise<GroupJson> =>
  (await find(h, headers)).entry![0]!.resource;
