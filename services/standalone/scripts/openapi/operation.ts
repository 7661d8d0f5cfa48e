import type { RefusalKind } from '@provider-access/kernel';
import type { z } from 'zod';

export type Json = Readonly<Record<string, unknown>>;

/** What the decorators of a route do not say: its purpose, bodies and answers. */
export interface Operation {
  readonly tag: Tag;
  /** A sentence in the imperative. */
  readonly summary: string;
  readonly description?: string;
  /** Of parameters in the path and the query, by name. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Query parameters that the handler reads from the URL. */
  readonly query?: readonly { readonly name: string; readonly description: string; readonly schema?: Json }[];
  readonly headers?: readonly { readonly name: string; readonly description: string; readonly schema?: Json }[];
  readonly body?: {
    readonly required?: boolean;
    /** By media type. */
    readonly content: Readonly<Record<string, Content>>;
  };
  readonly answer: {
    /** Default: what the decorator says, else 200. */
    readonly status?: number;
    readonly description: string;
    /** Absent if there is no body. */
    readonly type?: string;
    readonly schema?: z.ZodType | Json;
    readonly example?: unknown;
    readonly headers?: Readonly<Record<string, string>>;
  };
  /** Other answers that are no refusals, by status. */
  readonly also?: Readonly<Record<number, string>>;
  /** Beyond those that every route of this kind has. */
  readonly refusals: readonly RefusalKind[];
}
export interface Content {
  readonly schema: z.ZodType | Json;
  /** Descriptions of fields, and schemas where code reads the value first. */
  readonly fields?: Readonly<Record<string, string | Json>>;
  readonly example?: unknown;
}

export const TAGS = {
  'Apps and tokens': 'An app registers, a reviewer approves it, and it gets access tokens (SMART Backend Services).',
  'Groups and exports': 'An app finds the Group of its provider, exports it and downloads the files.',
  'Reads and searches': 'An app reads single resources of members that are attributed to its provider.',
  'Events of the payer': "The payer's systems publish what happened, and ask what became of it.",
  'Review of apps': 'A reviewer of the payer decides about registered apps.',
  Operations: 'Operators ask why a member is seen, what was disclosed, and how views and keys are.',
} as const;
type Tag = keyof typeof TAGS;

export const JSON_TYPE = 'application/json';
export const FHIR = 'application/fhir+json';
export const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
