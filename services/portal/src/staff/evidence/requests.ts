import { api, ask, type Asked } from '../../common/api.ts';
import type { Language } from '../../common/language.tsx';

export interface Figure {
  readonly id: string;
  readonly title: string;
  readonly how: string;
  readonly state: 'exact' | 'at-least' | 'unknown';
  readonly value?: number;
  readonly why?: string;
  /** Members that a count which goes on has looked at. */
  readonly looked?: number;
  /** When a long count ended, if that was before the page was made. */
  readonly countedAt?: string;
}
interface Rule {
  readonly id: string;
  readonly source: string;
  readonly does: string;
  readonly tests: readonly { readonly file: string; readonly name: string }[];
  readonly figures: readonly string[];
}
/** The answer of `GET /ops/evidence`. */
export interface Page {
  readonly report: {
    readonly period: string;
    readonly from: string;
    readonly to: string;
    readonly timeZone: string;
    readonly complete: boolean;
    readonly madeAt: string;
    readonly figures: readonly Figure[];
    readonly rules: readonly Rule[];
  };
  readonly signature: { readonly sha256: string };
}

/** @param period a month, or undefined for the current one in the payer's time zone */
export function evidence(period: string | undefined, lang: Language): Promise<Asked<Page>> {
  const query = { lang, ...(period !== undefined && { period }) };
  return ask(api.GET('/ops/evidence', { params: { query } })) as Promise<Asked<Page>>;
}
/** The same as a file. The server signs it anew, because the form of a file is part of what is signed. */
export function evidenceFile(period: string, lang: Language): Promise<Asked<string>> {
  const query = { period, lang, format: 'csv' as const };
  return ask(api.GET('/ops/evidence', { params: { query }, parseAs: 'text' })) as unknown as Promise<Asked<string>>;
}
