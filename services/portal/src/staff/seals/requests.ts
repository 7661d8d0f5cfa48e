import { api, ask, type Asked } from '../../common/api.ts';

export type SealState = 'intact' | 'differs' | 'gone';
interface Finding {
  readonly n: number;
  readonly day: string;
  readonly records?: number;
  readonly state: SealState;
  readonly detail?: string;
}
interface ChainPage {
  readonly findings: readonly Finding[];
  readonly seals: readonly { readonly n: number; readonly day: string; readonly digest: string }[];
  readonly next?: string;
  readonly unsealed?: number;
  readonly unsealedSince?: string;
}
/** What was found about one UTC day. */
interface SealedDay {
  readonly day: string;
  readonly state: SealState;
  readonly records: number;
  readonly digest?: string;
  readonly details: readonly string[];
}
export interface Chain {
  readonly days: ReadonlyMap<string, SealedDay>;
  /** Days with a fault that are not in the month: what follows rests on them. */
  readonly elsewhere: readonly string[];
  /** Entries without a seal, and since which UTC day. */
  readonly unsealed: number;
  readonly unsealedSince?: string;
}

const WORST: readonly SealState[] = ['intact', 'gone', 'differs'];
const worse = (a: SealState, b: SealState): SealState => (WORST.indexOf(a) >= WORST.indexOf(b) ? a : b);
/** @param month `2026-11` */
export const lastOf = (month: string): string => {
  const [year, n] = month.split('-').map(Number) as [number, number];
  return new Date(Date.UTC(year, n, 0)).toISOString().slice(0, 10);
};

/**
 * Compares the entries of a month with their seals. Each answer of the server is a bounded part.
 * @param read is told how many seals were read
 */
export async function verify(month: string, read: (seals: number) => void): Promise<Asked<Chain>> {
  const period = { from: `${month}-01`, to: lastOf(month) };
  const days = new Map<string, SealedDay>();
  let seals = 0;
  for (let page: string | undefined; ;) {
    const query = { ...period, ...(page !== undefined && { page }) };
    const asked = (await ask(api.GET('/ops/audit/verification', { params: { query } }))) as Asked<ChainPage>;
    if (asked.fault !== undefined) return asked;
    const { next, unsealed = 0, unsealedSince } = asked.data;
    for (const { day, state, records = 0, detail } of asked.data.findings) {
      const before = days.get(day);
      days.set(day, {
        ...before,
        day,
        state: worse(state, before?.state ?? 'intact'),
        records: (before?.records ?? 0) + records,
        details: [...(before?.details ?? []), ...(detail === undefined ? [] : [detail])],
      });
    }
    for (const { day, digest } of asked.data.seals)
      days.set(day, { state: 'intact', records: 0, details: [], ...days.get(day), day, digest });
    seals += asked.data.seals.length;
    read(seals);
    if (next === undefined) {
      const elsewhere = [...days.keys()].filter((day) => !day.startsWith(month));
      return { data: { days, elsewhere, unsealed, ...(unsealedSince !== undefined && { unsealedSince }) } };
    }
    page = new URL(next, location.origin).searchParams.get('page') ?? undefined;
  }
}
