import { randomUUID } from 'node:crypto';
import { Body, Controller, Get, Header, HttpCode, Inject, Param, Post, Query, Req, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { ClientStatus } from '@provider-access/domain/access';
import { npiKey, tinKey } from '@provider-access/events';
import type { ClientRegistration } from '@provider-access/facts';
import { Refusal } from '@provider-access/kernel';
import { zodPipe } from '@provider-access/service/http';
import { bearerToken, StaticTokenGuard, tokenMark } from '@provider-access/smart';
import { z } from 'zod';
import { AuthContext } from '../../auth.ts';
import { isNpi, isTin } from '../../domain/identifiers.ts';
import { PLAIN } from '../../domain/plain.ts';
import type { Approve, ClientCommand } from '../../domain/client.ts';
import { clientDocument } from '../register/client-document.ts';

const STATUSES = ['pending', 'approved', 'rejected', 'suspended', 'revoked'] as const satisfies readonly ClientStatus[];
/**
 * ms: longer than an approval waits for the keys under a jwks_uri (10 s) and for its readers (5 s). If its instance
 * dies, the next approval waits this long.
 */
const APPROVAL_MS = 25_000;
const PAGE = { default: 500, max: 1000 };

const text = z
  .string('must be a text')
  .trim()
  .min(1, 'must not be empty')
  .max(500, 'is longer than 500 characters')
  .regex(PLAIN, 'holds control characters');
const reason = text;
const identifier = z
  .strictObject({
    npi: z.string().refine(isNpi, 'must be an NPI of ten digits with a valid check digit').optional(),
    tin: z.string().refine(isTin, 'must be a TIN of nine digits').optional(),
    evidence: text,
  })
  .refine(({ npi, tin }) => (npi === undefined) !== (tin === undefined), 'give exactly one of npi and tin')
  .transform(({ npi, tin, evidence }) => ({
    provider: npi === undefined ? tinKey(tin!) : npiKey(npi),
    text: evidence,
  }));
const ENDED = 'is no longer accepted: name each NPI and TIN with its evidence in identifiers';
/** The body of an approval. */
export const approval = z.strictObject({
  identifiers: z
    .array(identifier, 'must be a list of {"npi" or "tin", "evidence"}')
    .min(1, 'must name at least one')
    .max(100, 'has more than 100 entries')
    .optional(),
  /** Ids of other approved clients with one of the identifiers. By naming them, the reviewer confirms both bindings. */
  sharedWith: z.array(z.string(), 'must be a list of client ids').max(100, 'has more than 100 entries').optional(),
  scope: z.string('must be scopes separated by spaces').optional(),
  reason: reason.optional(),
  npis: z
    .unknown()
    .refine(() => false, ENDED)
    .optional(),
  tins: z
    .unknown()
    .refine(() => false, ENDED)
    .optional(),
});
/** The body of a rejection or a suspension. */
export const ending = z.strictObject({ reason });
const STATUS = z.enum(STATUSES, `status must be one of ${STATUSES.join(', ')}.`).optional();
const NO_COUNT = '_count must be a number from 1 on.';
const COUNT = z
  .string(NO_COUNT)
  .regex(/^[1-9]\d{0,4}$/, NO_COUNT)
  .optional();

function read<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const result = schema.safeParse(body ?? {});
  if (result.success) return result.data;
  throw new Refusal(
    'invalid-request',
    result.error.issues
      .map(
        (i) =>
          `${i.path.join('.') || 'body'}: ` +
          `${i.code === 'invalid_type' && i.path.length === 1 ? `must be given (${i.message})` : i.message}`,
      )
      .join('; '),
  );
}

const brief = ({ client, name, status }: ClientRegistration): Record<string, string> => ({
  client_id: client,
  client_name: name,
  status,
});

type ReviewCommand = Exclude<ClientCommand, { readonly kind: 'register' }>;
const unknown = (): Refusal => new Refusal('not-found', 'There is no client with this id.');

function approvalOf(body: unknown): Omit<Approve, 'kind' | 'by'> {
  const { npis: _npis, tins: _tins, ...given } = read(approval, body);
  return given;
}

/** An administrator token has no name, so the history shows a short hash that differs for each reviewer's token. */
const reviewer = (request: FastifyRequest): string => `administrator ${tokenMark(bearerToken(request)!)}`;

/** Lets reviewers decide about registered apps. Repeating the decision that stands changes nothing. */
@Controller('auth/clients')
@UseGuards(StaticTokenGuard('administrator'))
export class ReviewController {
  private turn: Promise<unknown> = Promise.resolve();
  constructor(@Inject(AuthContext) private readonly auth: AuthContext) {}

  /** In the order of registration; `next` is the URL of the next page. */
  @Get()
  @Header('cache-control', 'no-store')
  async list(
    @Query('status', zodPipe('invalid-value', STATUS)) status?: ClientStatus,
    @Query('_count', zodPipe('invalid-value', COUNT)) count?: string,
    @Query('after') after?: string,
  ): Promise<Record<string, unknown>> {
    const { clients, config, ports } = this.auth;
    const size = Math.min(Number(count ?? PAGE.default), PAGE.max);
    const all = await clients.ids();
    const start = after === undefined ? 0 : all.indexOf(after) + 1;
    if (after !== undefined && start === 0)
      throw new Refusal(
        'invalid-value',
        'after must be the last client_id of the previous page. It may have expired: start again without after.',
      );
    const rest = new Set(all.slice(start));
    const wanted = (status === undefined ? all : await clients.ids(status)).filter((id) => rest.has(id));
    const page = wanted.slice(0, size);
    const found = (await Promise.all(page.map((id) => clients.find(id)))).filter((c) => c !== undefined);
    const next = new URLSearchParams({
      ...(status !== undefined && { status }),
      _count: String(size),
      after: page.at(-1) ?? '',
    });
    return {
      clients: found.map((client) => clientDocument(client, ports.clock.now())),
      ...(wanted.length > size && { next: `${config.publicUrl}/auth/clients?${next}` }),
    };
  }

  @Get(':client')
  @Header('cache-control', 'no-store')
  async show(@Param('client') client: string): Promise<Record<string, unknown>> {
    const found = await this.auth.clients.find(client);
    if (found === undefined) throw unknown();
    const { clients, identifiers, ports } = this.auth;
    return {
      ...clientDocument(found, ports.clock.now()),
      history: found.history,
      ...(await identifiers.of(found)),
      named_alike: clients.namedAlike(found).map(brief),
    };
  }

  @Post(':client/approve')
  @HttpCode(200)
  approve(
    @Req() request: FastifyRequest,
    @Param('client') client: string,
    @Body() body: unknown,
  ): Promise<Record<string, unknown>> {
    return this.decide(client, { kind: 'approve', by: reviewer(request), ...approvalOf(body) });
  }
  @Post(':client/reject')
  @HttpCode(200)
  reject(
    @Req() request: FastifyRequest,
    @Param('client') client: string,
    @Body() body: unknown,
  ): Promise<Record<string, unknown>> {
    return this.decide(client, { kind: 'reject', by: reviewer(request), ...read(ending, body) });
  }
  @Post(':client/suspend')
  @HttpCode(200)
  suspend(
    @Req() request: FastifyRequest,
    @Param('client') client: string,
    @Body() body: unknown,
  ): Promise<Record<string, unknown>> {
    return this.decide(client, { kind: 'suspend', by: reviewer(request), ...read(ending, body) });
  }

  private async decide(client: string, command: ReviewCommand): Promise<Record<string, unknown>> {
    const decide = (): Promise<void> =>
      command.kind === 'approve' ? this.alone(() => this.bind(client, command)) : this.make(client, command);
    // In sequence, so that reviewers of this instance do not refuse each other because of the lease.
    const turn = this.turn.then(decide);
    this.turn = turn.catch(() => undefined);
    await turn;
    return this.show(client);
  }
  private async bind(client: string, command: Approve): Promise<void> {
    await this.requireNamed(client, command);
    const app = await this.auth.clients.find(client);
    if (app?.status !== 'pending') return this.make(client, command);
    await this.auth.keyChanges.approveOwn(app, () => this.make(client, command));
  }
  private async make(client: string, command: ReviewCommand): Promise<void> {
    if (this.auth.clients.registered(client)) await this.auth.registry.execute(client, command);
    else await this.decideWaiting(client, command);
  }
  /**
   * Runs one approval at a time over all instances, so that each approval sees the bindings of the previous one.
   * @throws Refusal 503 while another approval runs
   */
  private async alone(approval: () => Promise<void>): Promise<void> {
    const { leases } = this.auth.ports.state;
    const lease = await leases.acquire('auth/approval', randomUUID(), APPROVAL_MS);
    if (lease === undefined)
      throw new Refusal('unavailable', 'Another approval is running. Repeat the request.', { retryAfter: 1 });
    try {
      await approval();
    } finally {
      await leases.release(lease);
    }
  }
  private async requireNamed(client: string, command: Approve): Promise<void> {
    const providers =
      command.identifiers?.map(({ provider }) => provider) ?? (await this.auth.clients.find(client))?.providers ?? [];
    this.auth.identifiers.requireNamed(client, providers, command.sharedWith ?? []);
  }

  /** Decides about a registration that is not in pa.registry. Only an approval publishes the registration there. */
  private async decideWaiting(client: string, command: ReviewCommand): Promise<void> {
    const { clients, registry, applications } = this.auth;
    const found = await clients.find(client);
    try {
      if (found === undefined) throw unknown();
      if (command.kind === 'suspend')
        throw new Refusal('conflict', `The client is ${found.status}: only an approved one can be suspended.`);
      if (command.kind === 'reject') {
        await applications.reject(client, command.by, command.reason);
        return;
      }
      const application = await applications.beginApproval(client, (app) => registry.check(command, app));
      await registry.execute(client, command, application);
      await applications.remove(client);
    } catch (error) {
      // Another reviewer approved it meanwhile.
      if (!(error instanceof Refusal && error.kind === 'not-found' && clients.registered(client))) throw error;
      await registry.execute(client, command);
    }
  }
}
