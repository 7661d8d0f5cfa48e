import { api, ask, type Asked } from '../../common/api.ts';
import type { components } from '../../../generated/openapi.d.ts';
import type { Change } from './patch.ts';

export type Cause = components['schemas']['DeadLetterCause'];
export type Letter = components['schemas']['DeadLetter'];
export type Run = components['schemas']['DeadLetterRun'];
export interface Opened extends Letter {
  readonly headers: Readonly<Record<string, string>>;
  /** The event or its data; undefined if the bytes are no JSON. */
  readonly data?: unknown;
  readonly base64?: string;
}
export interface Checked {
  readonly ok: boolean;
  readonly reason?: string;
  readonly detail?: string;
}
/** What became of a replayed event (docs/publishing.md). */
export interface Outcome {
  readonly outcome: string;
  readonly reason?: string;
  readonly deadLetter?: string;
}
interface Receipt {
  readonly counts: Readonly<Record<string, number>>;
  readonly items: readonly Outcome[];
}
/** Seconds that the server waits for the outcome of a replay. */
const WAIT = '20';

export const causes = (after?: string): Promise<Asked<{ causes: Cause[]; next?: string }>> =>
  ask(api.GET('/events/dead-letters/causes', { params: { query: after === undefined ? {} : { after } } }));

export const lettersOf = (cause: string, cursor?: string): Promise<Asked<{ deadLetters: Letter[]; next?: string }>> =>
  ask(api.GET('/events/dead-letters', { params: { query: { cause, ...(cursor !== undefined && { cursor }) } } }));

export const opened = (id: string): Promise<Asked<Opened>> =>
  ask(api.GET('/events/dead-letters/{id}', { params: { path: { id } } })) as Promise<Asked<Opened>>;

/** @param body the corrected event; undefined for the event as it was */
export const check = (id: string, body?: unknown): Promise<Asked<Checked>> =>
  ask(
    api.POST('/events/dead-letters/{id}/check', {
      params: { path: { id } },
      ...(body !== undefined && { body: body as Record<string, never> }),
    }),
  ) as Promise<Asked<Checked>>;

/** Sends an event again, and waits until its outcome is known. */
export async function replay(id: string, body?: unknown): Promise<Asked<Outcome>> {
  const sent = (await ask(
    api.POST('/events/dead-letters/{id}/replay', {
      params: { path: { id } },
      ...(body !== undefined && { body: body as Record<string, never> }),
    }),
  )) as Asked<{ receipt: string }>;
  if (sent.fault !== undefined) return sent;
  const path = { id: sent.data.receipt };
  const asked = (await ask(
    api.GET('/events/receipts/{id}', { params: { path, query: { wait: WAIT } } }),
  )) as Asked<Receipt>;
  if (asked.fault !== undefined) return asked;
  const { counts, items } = asked.data;
  return { data: items[0] ?? { outcome: Object.keys(counts)[0] ?? 'pending' } };
}

export const discard = (id: string, reason: string): Promise<Asked<unknown>> =>
  ask(api.POST('/events/dead-letters/{id}/discard', { params: { path: { id } }, body: { reason } }));

type Begin =
  | { readonly cause: string; readonly action: 'replay'; readonly patch?: readonly Change[] }
  | { readonly cause: string; readonly action: 'discard'; readonly reason: string };
export const begin = (body: Begin): Promise<Asked<Run>> =>
  ask(api.POST('/events/dead-letters/runs', { body: body as never })) as Promise<Asked<Run>>;
export const runs = (): Promise<Asked<{ runs: Run[] }>> => ask(api.GET('/events/dead-letters/runs'));
export const runOf = (run: string): Promise<Asked<Run>> =>
  ask(api.GET('/events/dead-letters/runs/{run}', { params: { path: { run } } }));
export const stop = (run: string): Promise<Asked<Run>> =>
  ask(api.POST('/events/dead-letters/runs/{run}/stop', { params: { path: { run } } }));
