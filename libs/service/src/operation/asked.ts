import type { FastifyRequest } from 'fastify';
import type { GrantedScopes } from '@provider-access/domain/smart';
import type { Caller } from '@provider-access/kernel';
import type { z } from 'zod';
import type { Descriptor, Fields, FhirQuery } from './descriptor.ts';

type NamesOf<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesOf<Rest> : never;
export type ValuesOf<F> = F extends Fields ? { readonly [N in keyof F]: z.output<F[N]['schema']> } : undefined;
type QueryOf<D extends Descriptor> = D['query'] extends { read(own: never, about: never): infer Q }
  ? Q
  : ValuesOf<D['fields']>;
type BodyOf<D extends Descriptor> = D['body'] extends { readonly fields: infer F } ? ValuesOf<F> : unknown;

/** The authenticated client of a request. */
export interface Client {
  readonly client: string;
  readonly scopes: GrantedScopes;
}
type CallerOf<D extends Descriptor> = D['callers'] extends 'app'
  ? Client
  : D['callers'] extends readonly string[]
    ? { readonly caller: Caller }
    : unknown;

/** A request that the frame has admitted and read, for the handler of the descriptor `D`. */
export type Asked<D extends Descriptor> = CallerOf<D> & {
  /** The raw request. Prefer the other members. */
  readonly request: FastifyRequest;
  readonly params: Readonly<Record<NamesOf<D['route']>, string>>;
  /** The type of resource in the path; empty for a path without one. */
  readonly type: string;
  /** The base URL of the FHIR API. */
  readonly base: string;
  /** The query as its fields or its reader made it. */
  readonly query: QueryOf<D>;
  /** The parameters of the URL and the body, with repeats. */
  readonly given: URLSearchParams;
  /** The `_format` that the links of the answer carry. */
  readonly format: string | undefined;
  readonly body: BodyOf<D>;
};
/** What the frame fills in. A handler sees the part that its descriptor has. */
export type AnyAsked = Asked<Descriptor & { readonly query: FhirQuery }> &
  Partial<Client> & { readonly caller?: Caller };
