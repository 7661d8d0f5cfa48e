import { Body, Controller, Get, Header, HttpCode, Inject, Param, Post, Query, UseGuards } from '@nestjs/common';
import type { ClientStatus } from '@provider-access/access';
import { Refusal } from '@provider-access/http';
import { StaticTokenGuard } from '@provider-access/smart';
import { z } from 'zod';
import { AUTH, type Auth } from '../auth.ts';
import { isNpi, isTin } from '../domain/identifiers.ts';
import type { ClientCommand } from '../domain/client.ts';
import { clientDocument } from '../registration/client-document.ts';

const STATUSES = ['pending', 'approved', 'rejected', 'suspended', 'revoked'] as const satisfies readonly ClientStatus[];
const BY = 'administrator';
const PAGE = { default: 500, max: 1000 };

const reason = z.string('must be a text').trim().min(1, 'must not be empty').max(500, 'is longer than 500 characters');
const approval = z.strictObject({
  npis: z.array(z.string().refine(isNpi, 'must be an NPI of ten digits with a good check digit'), 'must be a list of NPIs').optional(),
  tins: z.array(z.string().refine(isTin, 'must be a TIN of nine digits'), 'must be a list of TINs').optional(),
  scope: z.string('must be scopes separated by spaces').optional(),
  reason: reason.optional(),
});
const ending = z.strictObject({ reason });

function read<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const result = schema.safeParse(body ?? {});
  if (result.success) return result.data;
  throw new Refusal('invalid-request', result.error.issues.map((i) => `${i.path.join('.') || 'body'}: ${i.code === 'invalid_type' && i.path.length === 1 ? `must be given (${i.message})` : i.message}`).join('; '));
}

type ReviewCommand = Exclude<ClientCommand, { readonly kind: 'register' }>;
const unknown = (): Refusal => new Refusal('not-found', 'There is no client of this id.');

/** The reviewer's side of registration. Repeating a decision that stands changes nothing. */
@Controller('auth/clients')
@UseGuards(StaticTokenGuard('administrator'))
export class ReviewController {
  private readonly auth: Auth;
  constructor(@Inject(AUTH) auth: Auth) {
    this.auth = auth;
  }

  /** In the order of registration; `next` is the URL of the next page. */
  @Get()
  @Header('cache-control', 'no-store')
  async list(@Query('status') status?: string, @Query('_count') count?: string, @Query('after') after?: string): Promise<Record<string, unknown>> {
    const { clients, config } = this.auth;
    if (status !== undefined && !(STATUSES as readonly string[]).includes(status)) throw new Refusal('invalid-value', `status must be one of ${STATUSES.join(', ')}.`);
    if (count !== undefined && !/^[1-9]\d{0,4}$/.test(count)) throw new Refusal('invalid-value', '_count must be a number from 1 on.');
    const size = Math.min(Number(count ?? PAGE.default), PAGE.max);
    const all = await clients.ids();
    const start = after === undefined ? 0 : all.indexOf(after) + 1;
    if (after !== undefined && start === 0) throw new Refusal('invalid-value', 'after must be the client_id that ended the page before. It may have expired: start again without after.');
    const rest = new Set(all.slice(start));
    const wanted = (status === undefined ? all : await clients.ids(status as ClientStatus)).filter((id) => rest.has(id));
    const page = wanted.slice(0, size);
    const found = (await Promise.all(page.map((id) => clients.find(id)))).filter((c) => c !== undefined);
    const next = new URLSearchParams({ ...(status !== undefined && { status }), _count: String(size), after: page.at(-1) ?? '' });
    return { clients: found.map(clientDocument), ...(wanted.length > size && { next: `${config.publicUrl}/auth/clients?${next}` }) };
  }

  @Get(':client')
  @Header('cache-control', 'no-store')
  async show(@Param('client') client: string): Promise<Record<string, unknown>> {
    const found = await this.auth.clients.find(client);
    if (found === undefined) throw unknown();
    return { ...clientDocument(found), history: found.history };
  }

  @Post(':client/approve')
  @HttpCode(200)
  approve(@Param('client') client: string, @Body() body: unknown): Promise<Record<string, unknown>> {
    return this.decide(client, { kind: 'approve', by: BY, ...read(approval, body) });
  }
  @Post(':client/reject')
  @HttpCode(200)
  reject(@Param('client') client: string, @Body() body: unknown): Promise<Record<string, unknown>> {
    return this.decide(client, { kind: 'reject', by: BY, ...read(ending, body) });
  }
  @Post(':client/suspend')
  @HttpCode(200)
  suspend(@Param('client') client: string, @Body() body: unknown): Promise<Record<string, unknown>> {
    return this.decide(client, { kind: 'suspend', by: BY, ...read(ending, body) });
  }

  private async decide(client: string, command: ReviewCommand): Promise<Record<string, unknown>> {
    const { clients, registry } = this.auth;
    if (clients.registered(client)) await registry.execute(client, command);
    else await this.decideWaiting(client, command);
    return this.show(client);
  }

  /** About a registration that pa.registry does not have: only an approval takes it there. */
  private async decideWaiting(client: string, command: ReviewCommand): Promise<void> {
    const { clients, registry, applications } = this.auth;
    const found = await clients.find(client);
    try {
      if (found === undefined) throw unknown();
      if (command.kind === 'suspend') throw new Refusal('conflict', `The client is ${found.status}: only an approved one can be suspended.`);
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
