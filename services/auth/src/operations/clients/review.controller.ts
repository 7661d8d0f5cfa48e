import { Body, Controller, Get, Header, HttpCode, Inject, Param, Post, Query, Req, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { ClientStatus } from '@provider-access/domain/access';
import { npiKey, tinKey } from '@provider-access/events';
import type { ClientRegistration } from '@provider-access/facts';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts, zodPipe } from '@provider-access/service/http';
import { bearerToken, StaticTokenGuard, tokenMark } from '@provider-access/smart';
import { z } from 'zod';
import { Clients } from '../../apps/clients.ts';
import { type AuthConfig, CONFIG } from '../../config.ts';
import { isNpi, isTin } from '../../domain/identifiers.ts';
import { PLAIN } from '../../domain/plain.ts';
import type { Approve } from '../../domain/client.ts';
import { clientDocument } from '../register/client-document.ts';
import { Decisions, type ReviewCommand, unknownClient } from './decisions.ts';
import { Identifiers } from './identifiers.ts';

const STATUSES = ['pending', 'approved', 'rejected', 'suspended', 'revoked'] as const satisfies readonly ClientStatus[];
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
  constructor(
    @Inject(CONFIG) private readonly config: AuthConfig,
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Clients) private readonly clients: Clients,
    @Inject(Identifiers) private readonly identifiers: Identifiers,
    @Inject(Decisions) private readonly decisions: Decisions,
  ) {}

  /** In the order of registration; `next` is the URL of the next page. */
  @Get()
  @Header('cache-control', 'no-store')
  async list(
    @Query('status', zodPipe('invalid-value', STATUS)) status?: ClientStatus,
    @Query('_count', zodPipe('invalid-value', COUNT)) count?: string,
    @Query('after') after?: string,
  ): Promise<Record<string, unknown>> {
    const { clients, config, ports } = this;
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
    const found = await this.clients.find(client);
    if (found === undefined) throw unknownClient();
    const { clients, identifiers, ports } = this;
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
    await this.decisions.decide(client, command);
    return this.show(client);
  }
}
