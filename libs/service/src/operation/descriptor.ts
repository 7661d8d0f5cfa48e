import type { FastifyRequest } from 'fastify';
import type { ActionOnData, RefusalReason } from '@provider-access/events';
import type { AnyRole, RefusalKind } from '@provider-access/kernel';
import type { z } from 'zod';

export type Json = Readonly<Record<string, unknown>>;
type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** The groups of operations in the OpenAPI document, in its order. */
export const TAGS = {
  'Apps and tokens': 'An app registers, a reviewer approves it, and it gets access tokens (SMART Backend Services).',
  'Groups and exports': 'An app finds the Group of its provider, exports it and downloads the files.',
  'Reads and searches': 'An app reads single resources of members that are attributed to its provider.',
  'Decisions of members': "The payer's portal for members reads and states who may see a member's data.",
  'Events of the payer': "The payer's systems publish what happened, and ask what became of it.",
  'Review of apps': 'A reviewer of the payer decides about registered apps.',
  'People who sign in': 'People of the payer sign in with a browser, and have roles.',
  Operations: 'Operators ask why a member is seen, what was disclosed, and how views and keys are.',
} as const;

/** A parameter that the OpenAPI document shows. `schema`: a text unless it says otherwise. */
export interface Parameter {
  readonly name: string;
  readonly description: string;
  readonly schema?: Json;
}
/** A parameter of a query or a body that the frame reads by a schema. */
export interface Field<S extends z.ZodType = z.ZodType> {
  readonly schema: S;
  readonly description?: string;
  /** How a wrong value is refused, with the messages of the schema. Default: `invalid-value`. */
  readonly refusal?: RefusalKind;
}
export type Fields = Readonly<Record<string, Field>>;

/** What a reader of a query knows of its request. */
interface About {
  /** The type of resource. */
  readonly type: string;
  /** The base URL of the FHIR API. */
  readonly base: string;
}
/** A query of the FHIR API. */
export interface FhirQuery<Q = unknown> {
  readonly parameters: readonly Parameter[];
  /**
   * Reads the own parameters of the operation, after the frame has read the general ones. Without it the handler reads
   * `given`, because a part of the query is in a page link.
   * @throws Refusal that names the parameter
   */
  read?(own: URLSearchParams, about: About): Q;
}
interface Content {
  readonly schema: z.ZodType | Json;
  /** Descriptions of fields, and schemas where code reads the value first. */
  readonly fields?: Readonly<Record<string, string | Json>>;
  readonly example?: unknown;
}

/** An operation of the HTTP API. What answers it, and what the documents say of it, follows from this alone. */
export interface Descriptor {
  /** As in the OpenAPI document: `GET /fhir/{type}/{id}`. */
  readonly route: `${Method} /${string}`;
  /**
   * `true`: the handler answers HEAD, too. `false`: HEAD is refused, because a GET has an effect. Default: Fastify
   * answers HEAD as GET, and drops the body.
   */
  readonly head?: boolean;
  /**
   * An app with an access token, anybody, or who has one of the roles: a token of this role, a person who signed in, or
   * a member who opened a link.
   * The administrator's token has every role of people. This is the only place that says who may call an operation, and
   * `docs/roles.md` shows all of them.
   */
  readonly callers: 'app' | 'anybody' | readonly AnyRole[];
  /** The security schemes of the OpenAPI document, where the handler itself checks who calls. */
  readonly security?: readonly string[];
  /** The scope that an app needs for the type of the path: `r` to read an instance, `s` to search. */
  readonly scope?: 'r' | 's';
  /**
   * The handler applies the restrictions of scopes (`restrictionsOf`), so a scope on a part of the type will do.
   * Default: the app needs the whole type.
   */
  readonly restricted?: true;
  /**
   * The action of the audit entries. With it the handler can only return an answer with its entries. Each operation of
   * people whose answer may name a member has `explain`, so that an auditor can ask who looked (ADR 0137).
   */
  readonly audit?: ActionOnData;
  /** The action of entries about wrong requests (400 and 403), where `audit` does not say it. */
  readonly refusedAs?: ActionOnData;
  /** The reason in the audit if `{id}` is no id of FHIR. The answer is that of an unknown id. */
  readonly noId?: RefusalReason;
  /** Which conditional requests the frame answers, as a CapabilityStatement says it. */
  readonly conditional?: 'full-support' | 'not-match';

  /** The code of the interaction in the CapabilityStatement. */
  readonly interaction?: 'read' | 'vread' | 'history-instance' | 'search-type' | 'create';
  /** The entry of the operation in the CapabilityStatement. */
  readonly capability?: { readonly name: string; readonly definition: string; readonly documentation?: string };

  readonly tag: keyof typeof TAGS;
  /** A sentence in the imperative. */
  readonly summary: string;
  readonly description?: string;
  /** What the parameters of the path mean. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Parameters of the URL, for callers with a role: any other is refused. */
  readonly fields?: Fields;
  readonly query?: FhirQuery;
  readonly headers?: readonly Parameter[];
  readonly body?: {
    readonly required?: boolean;
    /** By media type. */
    readonly content?: Readonly<Record<string, Content>>;
    /** Fields of a JSON object, all required. */
    readonly fields?: Fields;
    /** Parameters of the query that the body has. The frame adds them to those of the URL. @throws Refusal */
    parameters?(request: Pick<FastifyRequest, 'body' | 'headers'>): Iterable<readonly [name: string, value: string]>;
  };
  readonly answer: {
    /** Default: 200. */
    readonly status?: number;
    readonly description: string;
    /** The media type. Absent if there is no body. */
    readonly type?: string;
    readonly schema?: z.ZodType | Json;
    readonly example?: unknown;
    readonly headers?: Readonly<Record<string, string>>;
  };
  /** Other answers that are no refusals, by status. */
  readonly also?: Readonly<Record<number, string>>;
  /** Beyond those of its fields, and those that every operation for these callers has. */
  readonly refusals?: readonly RefusalKind[];
}

/** Checks a descriptor, and keeps its literal types for the handler. */
export const operation = <const D extends Descriptor>(descriptor: D): D => descriptor;

/** A schema of the components of the OpenAPI document. */
export const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
