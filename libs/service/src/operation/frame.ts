import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { allows, type GrantedScopes, type Interaction, reaches } from '@provider-access/domain/smart';
import type { AuditEntry, ReleaseEntry } from '@provider-access/events';
import { type AnyRole, type Caller, Refusal, unknownResource } from '@provider-access/kernel';
import { isId, isServedType } from '@provider-access/fhir';
import { AccessEnded, dropWhenAccessEnds } from '../http/decided-stream.ts';
import { readGeneral } from '../http/general-parameters.ts';
import { utf8 } from '../http/media-types.ts';
import type { SearchTurns } from '../http/search-turns.ts';
import type { Answer, Audited, Entry, InTurn } from './answer.ts';
import type { AnyAsked, Client } from './asked.ts';
import { isNotModified, validatorsOf } from './conditional.ts';
import type { Descriptor } from './descriptor.ts';
import { parametersOf, readFields, refuseOthers, valuesOf } from './parameters.ts';

/** What the frame of a service hands to its operations. */
export interface OperationPorts {
  /** Absent in a service that lets no app in. Throws Refusal. */
  readonly authenticator: { authenticate(request: FastifyRequest): Client | Promise<Client> } | undefined;
  /** `known` gets who calls before a refusal for want of a role. Throws Refusal. */
  readonly callers: {
    admit(request: FastifyRequest, roles: readonly AnyRole[], known: (caller: Caller) => void): Promise<Caller>;
  };
  readonly audit: {
    record(entry: AuditEntry): Promise<void>;
    release(entry: Omit<ReleaseEntry, 'outcome' | 'reason' | 'count'>): Promise<void>;
  };
  /** Runs an operation with an audit, whose entries have the instants of its decisions. Absent without decisions. */
  within?<T>(run: () => Promise<T>): Promise<T>;
  readonly turns: SearchTurns;
  /** Called with every refusal of a route before the frame sends the answer. The answer waits for the promise. */
  readonly refusals: { refused(request: FastifyRequest, refusal: Refusal): Promise<void> | undefined };
  /** The base URL of the FHIR API. */
  readonly base: string;
}
declare module 'fastify' {
  interface FastifyInstance {
    /** Absent in an application without `ServiceModule`, as tests have it. */
    operations?: OperationPorts;
  }
  interface FastifyRequest {
    smart?: Client;
    /** A person, or the holder of a token of a role. */
    caller?: Caller;
  }
  interface FastifyContextConfig {
    readonly operation?: Descriptor;
  }
}

/** How often an operation is decided anew when access ends before its first byte. */
const ANEW = 10;
const NO_TYPE = 'There is no such resource type here; see /fhir/metadata.';

type Given = Audited | Answer;
export type Handler = (this: unknown, asked: AnyAsked) => Promise<Given | InTurn<Given>> | Given | InTurn<Given>;

/** The bytes of an answer that is complete. Infinity if its body is made later. */
function bytesOf(given: Given): number {
  const answer = 'audit' in given ? given.answer : given;
  if (answer instanceof Refusal) return 0;
  const { body, json } = answer;
  if (body instanceof Uint8Array) return body.byteLength;
  if (typeof body === 'string') return Buffer.byteLength(body);
  return body === undefined && json === undefined ? 0 : Infinity;
}

/**
 * @param how `part`: a restricted scope will do, because the caller applies its restriction
 * @throws Refusal 403 insufficient_scope naming the scope that would do
 */
export function requireScope(
  scopes: GrantedScopes,
  type: string,
  interaction: Interaction,
  how: 'whole' | 'part' = 'whole',
): void {
  if ((how === 'part' ? reaches : allows)(scopes, type, interaction)) return;
  const needed = `system/${type}.${interaction}`;
  throw new Refusal('insufficient-scope', `The scope of the access token does not permit this. It needs ${needed}.`, {
    headers: { 'www-authenticate': `Bearer error="insufficient_scope", scope="${needed}"` },
  });
}

/**
 * One operation of a controller: admits a request, reads it, calls the handler, which decides and reads data, and then
 * records the entries of the audit and sends the answer. Everything that follows from the descriptor is worked out
 * once, when the class is defined.
 */
export class Frame {
  readonly #operation: Descriptor;
  readonly #handler: Handler;
  readonly #path: string;
  readonly #roles: readonly AnyRole[] | undefined;
  /** The type in a path that names it. */
  readonly #type: string;
  /** The parameters of a GET for holders of a role. An ignored one would change what the answer means. */
  readonly #known: readonly string[] | undefined;
  readonly #contentType: string | undefined;

  constructor(operation: Descriptor, handler: Handler) {
    this.#operation = operation;
    this.#handler = handler;
    const { route, callers, fields = {}, query, answer } = operation;
    this.#path = route.slice(route.indexOf(' ') + 1);
    this.#roles = typeof callers === 'string' ? undefined : callers;
    this.#type = /^\/fhir\/([A-Z]\w*)/.exec(this.#path)?.[1] ?? '';
    const isStrict = this.#roles !== undefined && query === undefined && route.startsWith('GET ');
    this.#known = isStrict ? Object.keys(fields) : undefined;
    this.#contentType = answer.type === undefined ? undefined : utf8(answer.type);
  }

  /** @throws Refusal, which the application renders */
  async answer(controller: unknown, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const ports = request.server.operations!;
    const run = (): Promise<void> => this.#answer(ports, controller, request, reply);
    return this.#operation.audit === undefined || ports.within === undefined ? run() : ports.within(run);
  }

  async #answer(
    ports: OperationPorts,
    controller: unknown,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    const asked = await this.#admit(ports, request);
    for (let again = 0; ; again++) {
      const outcome = await this.#handler.call(controller, asked);
      try {
        if (!('inTurn' in outcome)) return await this.#respond(ports, asked, outcome, reply);
        return await ports.turns.take(asked.client!, reply.raw, async (made) => {
          const given = await outcome.inTurn();
          made(bytesOf(given));
          await this.#respond(ports, asked, given, reply);
        });
      } catch (error) {
        // Access ended between the decision and the first byte. Nothing was sent, so decide again.
        if (!(error instanceof AccessEnded) || again === ANEW) throw error;
      }
    }
  }

  async #admit(ports: OperationPorts, request: FastifyRequest): Promise<AnyAsked> {
    const { callers, scope, audit, noId, fields, query, body } = this.#operation;
    let client: Client | undefined;
    if (callers === 'app') {
      const found = ports.authenticator!.authenticate(request);
      client = request.smart = found instanceof Promise ? await found : found;
    }
    const caller = this.#roles === undefined ? undefined : await this.#caller(ports, request, this.#roles);
    const params = request.params as Record<string, string>;
    const type = this.#type === '' && this.#path.startsWith('/fhir/{type}') ? params['type']! : this.#type;
    if (type !== this.#type && !isServedType(type)) throw new Refusal('not-found', NO_TYPE);
    if (scope !== undefined) requireScope(client!.scopes, type, scope, this.#operation.restricted ? 'part' : 'whole');
    const given = parametersOf(request.url);
    if (this.#known !== undefined) refuseOthers(given, this.#known);
    if (body?.parameters !== undefined) for (const [name, value] of body.parameters(request)) given.append(name, value);
    const { base } = ports;
    const { own, format } =
      query?.read === undefined
        ? { own: given, format: undefined }
        : readGeneral(this.#path.startsWith('/fhir/') ? request.headers.accept : undefined, given);
    const asked = {
      client: client?.client,
      scopes: client?.scopes,
      caller,
      request,
      params,
      type,
      base,
      given,
      format,
      query: query?.read?.(own, { type, base }) ?? (fields && valuesOf(fields, given)),
      body:
        body?.fields === undefined ? request.body : readFields(body.fields, request.body as Record<string, unknown>),
    } as AnyAsked;
    if (audit !== undefined && noId !== undefined && !isId(params['id'])) {
      await this.#append(ports, asked, [{ refused: { reason: noId } }]);
      throw unknownResource();
    }
    return asked;
  }

  /**
   * Who calls, if it has one of the roles. An app gets the answer of a type that does not exist for an operation on a
   * type of FHIR that is not for apps (ADR 0101).
   */
  async #caller(
    { callers, authenticator }: OperationPorts,
    request: FastifyRequest,
    roles: readonly AnyRole[],
  ): Promise<Caller> {
    try {
      return await callers.admit(request, roles, (caller) => (request.caller = caller));
    } catch (refusal) {
      if (this.#type === '' || authenticator === undefined) throw refusal;
      try {
        request.smart = await authenticator.authenticate(request);
      } catch (error) {
        throw error instanceof Refusal && error.kind !== 'invalid-token' ? error : refusal;
      }
      throw new Refusal('not-found', NO_TYPE);
    }
  }

  async #respond(ports: OperationPorts, asked: AnyAsked, outcome: Given, reply: FastifyReply): Promise<void> {
    const { conditional } = this.#operation;
    const audited = 'audit' in outcome ? outcome : undefined;
    const answer = audited === undefined ? (outcome as Answer) : audited.answer;
    const isUnchanged =
      conditional !== undefined &&
      !(answer instanceof Refusal) &&
      answer.version !== undefined &&
      isNotModified(asked.request.headers, answer.version, conditional);
    const entries = audited === undefined || audited.audit === 'nothing' ? undefined : audited;
    if (entries !== undefined)
      await this.#append(ports, asked, (isUnchanged ? entries.unchanged?.() : undefined) ?? entries.audit);
    if (answer instanceof Refusal) throw answer;
    await this.#send(asked.request, answer, reply, isUnchanged);
  }

  async #send(request: FastifyRequest, answer: Answer, reply: FastifyReply, isUnchanged: boolean): Promise<void> {
    const { json, body: made, headers, version, status = this.#operation.answer.status ?? 200 } = answer;
    // The body comes before any header. If it fails, the refusal in its place must not have a header of this answer.
    const body = isUnchanged
      ? undefined
      : json !== undefined
        ? JSON.stringify(json)
        : typeof made === 'function'
          ? await made()
          : made;
    if (this.#operation.callers !== 'anybody') void reply.header('cache-control', 'no-store');
    if (version !== undefined) void reply.headers(validatorsOf(version));
    if (isUnchanged) return void reply.code(304).send();
    if (body !== undefined && this.#contentType !== undefined) void reply.header('content-type', this.#contentType);
    if (headers !== undefined) void reply.headers(headers);
    if (body instanceof Readable) dropWhenAccessEnds(body, request.raw.socket);
    void reply.code(status).send(body);
  }

  /** Resolves when all are durable. */
  async #append({ audit }: OperationPorts, asked: AnyAsked, entries: readonly Entry[]): Promise<void> {
    const { type, client = asked.caller?.name ?? 'unknown' } = asked;
    const common = {
      client,
      action: this.#operation.audit!,
      ...(type !== '' && { types: [type] }),
      // The payer's own people and systems have several ways to look at a member.
      ...(this.#roles !== undefined && { operation: this.#operation.route }),
    };
    const append = (entry: Entry): Promise<void> =>
      'hourly' in entry
        ? audit.release({ ...common, ...entry.hourly })
        : 'released' in entry
          ? audit.record({ ...common, outcome: 'released', ...entry.released })
          : audit.record({ ...common, outcome: 'refused', members: [], resources: 0, ...entry.refused });
    if (entries.length === 1) await append(entries[0]!);
    else await Promise.all(entries.map(append));
  }
}
