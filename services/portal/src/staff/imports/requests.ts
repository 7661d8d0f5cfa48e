import { api, ask, type Asked } from '../../common/api.ts';
import type { components } from '../../../generated/openapi.d.ts';

type Schema = components['schemas']['ImportRun'];
export type Kind = Schema['kind'];
export const KINDS: readonly Kind[] = ['roster', 'coverage', 'network', 'opt-outs'];
/** Why an import needs the number of its report, for any language. */
export interface Cause {
  readonly code: string;
  readonly count: number;
  readonly of?: number;
  readonly list?: string;
}
export type Report = Required<Omit<components['schemas']['ImportReport'], 'causes'>> & {
  readonly causes: readonly Cause[];
};
export type UndoReport = components['schemas']['UndoReport'];
export type RunFault = Omit<NonNullable<Schema['fault']>, 'about'> & {
  readonly about?: Readonly<Record<string, unknown>>;
};
export type Run = Omit<Schema, 'action' | 'report' | 'fault'> & { readonly fault?: RunFault } & (
    { readonly action: 'import'; readonly report?: Report } | { readonly action: 'undo'; readonly report?: UndoReport }
  );
interface Import {
  readonly batch: string;
  readonly asOf: string;
  readonly rows: number;
  readonly time: string;
  readonly undoes?: string;
}
/** The newest imports of a source, the newest first. */
export interface Source {
  readonly source: string;
  readonly kind: Kind;
  readonly imports: readonly Import[];
  readonly more: number;
}

/** What a person says about a file. */
export interface About {
  readonly kind: Kind;
  readonly source: string;
  /** YYYY-MM-DD */
  readonly asOf: string;
  readonly rows?: number;
  readonly map?: { readonly columns: Readonly<Record<string, string>> };
}

/** Bytes of a part. */
const PART = 1024 * 1024;
/** ms before a part is sent again that no server took. */
const PAUSE_MS = 1000;
/** How often in a row no server may answer before the upload gives up. */
const MOST_TRIES = 120;

const asRun = (sent: Promise<Asked<Schema>>): Promise<Asked<Run>> => sent as Promise<Asked<Run>>;
export const runs = (): Promise<Asked<{ runs: Run[] }>> =>
  ask(api.GET('/ops/imports')) as Promise<Asked<{ runs: Run[] }>>;
export const runOf = (id: string): Promise<Asked<Run>> =>
  asRun(ask(api.GET('/ops/imports/{id}', { params: { path: { id } } })));
export const begin = (about: About, name: string): Promise<Asked<Run>> =>
  asRun(ask(api.POST('/ops/imports', { body: { ...about, name } })));
export const undo = (batch: string): Promise<Asked<Run>> =>
  asRun(ask(api.POST('/ops/imports/undo', { body: { batch } })));
const check = (id: string): Promise<Asked<Run>> =>
  asRun(ask(api.POST('/ops/imports/{id}/check', { params: { path: { id } } })));
export const confirm = (id: string, number: string): Promise<Asked<Run>> =>
  asRun(ask(api.POST('/ops/imports/{id}/confirm', { params: { path: { id } }, body: { number } })));
export const discard = (id: string): Promise<Asked<Run>> =>
  asRun(ask(api.DELETE('/ops/imports/{id}', { params: { path: { id } } })));
const part = (id: string, n: number, bytes: ArrayBuffer): Promise<Asked<Run>> =>
  asRun(
    ask(
      api.PUT('/ops/imports/{id}/parts/{n}', {
        params: { path: { id, n: String(n) } },
        body: bytes as never,
        bodySerializer: (body) => body as never,
        headers: { 'content-type': 'application/octet-stream' },
      }),
    ),
  );
/** @param next the path that an answer names */
export const sources = (next?: string): Promise<Asked<{ sources: Source[]; next?: string }>> => {
  const page = next === undefined ? null : new URLSearchParams(next.split('?')[1]).get('page');
  return ask(api.GET('/ops/sources', { params: { query: page === null ? {} : { page } } })) as Promise<
    Asked<{ sources: Source[]; next?: string }>
  >;
};

const isAway = ({ status }: { readonly status: number }): boolean => status === 0 || status >= 500;
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

/** The file cannot be read any more, for example because another program wrote it meanwhile. */
export const UNREADABLE = -1;
export interface Sending {
  /** Bytes that the server has. */
  readonly sent: number;
  readonly isAway: boolean;
}
/**
 * Sends a file part by part, and has it checked. A part that no server took is sent again. Nothing of the file is kept
 * in the browser.
 */
export async function send(id: string, file: Blob, onProgress: (now: Sending) => void): Promise<Asked<Run>> {
  for (let n = 0; n * PART < file.size; n += 1) {
    let bytes: ArrayBuffer;
    try {
      bytes = await file.slice(n * PART, (n + 1) * PART).arrayBuffer();
    } catch {
      return { fault: { status: UNREADABLE, message: '' } };
    }
    const asked = await again(
      () => part(id, n, bytes),
      () => onProgress({ sent: n * PART, isAway: true }),
    );
    if (asked.fault !== undefined) return asked;
    onProgress({ sent: Math.min((n + 1) * PART, file.size), isAway: false });
  }
  return again(
    () => check(id),
    () => onProgress({ sent: file.size, isAway: true }),
  );
}

async function again<T>(work: () => Promise<Asked<T>>, onAway: () => void): Promise<Asked<T>> {
  for (let tries = 1; ; tries += 1) {
    const asked = await work();
    if (asked.fault === undefined || !isAway(asked.fault) || tries === MOST_TRIES) return asked;
    onAway();
    await pause();
  }
}
