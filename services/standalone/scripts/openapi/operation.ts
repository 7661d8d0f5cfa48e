import type { RefusalKind } from '@provider-access/kernel';
import type { Json, TAGS } from '@provider-access/service/operation';
import type { z } from 'zod';

/** What the decorators of a route do not say: its purpose, bodies and answers. */
export interface Operation {
  readonly tag: keyof typeof TAGS;
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
