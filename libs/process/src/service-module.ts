import {
  type DynamicModule,
  Inject,
  type InjectionToken,
  Module,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
  type Provider,
  type Type,
} from '@nestjs/common';
import { HttpAdapterHost, ModuleRef } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { Audit, type DecidedAt } from '@provider-access/audit';
import { providersAt } from '@provider-access/domain/access';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { BusinessCalendar, type CalendarRules } from '@provider-access/domain/pdex/service-levels';
import type { Batch, ConsumerGroup, EventLog, SubscribeOptions, Subscription } from '@provider-access/engines/log';
import { type Projection, ProjectionSet } from '@provider-access/engines/views';
import type { Service } from '@provider-access/events';
import { Facts, type PresenceOptions } from '@provider-access/facts';
import {
  measureViews,
  PORTS,
  READINESS,
  type ReadinessCheck,
  type ServicePorts,
  SearchTurns,
} from '@provider-access/service/http';
import { type OperationPorts, viewsController } from '@provider-access/service/operation';
import { MEMBER_HASH, MemberHash } from '@provider-access/service/observability';
import {
  AccessTokens,
  Authenticator,
  Callers,
  publishedKeys,
  Sessions,
  STATIC_TOKENS,
  StaticTokens,
} from '@provider-access/smart';
import { ENGINE_CHECKS, healthController } from './health-controller.ts';
import { RefusedRequests } from './refused-requests.ts';

/** What a runner hands to a service: the same for every service. */
export interface ServiceRuntime {
  readonly ports: ServicePorts;
  /** Of the payer and of the administrator. Default: nobody has one. */
  readonly staticTokens?: StaticTokens;
  /** Whether people reach the platform by https, so that cookies of sessions are for https alone. Default: true. */
  readonly isSecure?: boolean | undefined;
  /** How this process is seen by the others. Absent where one process runs everything. */
  readonly presence?: PresenceOptions | undefined;
  /** How log lines name members. Default: by a key that ends with the process. */
  readonly memberHash?: MemberHash | undefined;
  /** The calendar by which service levels are measured. */
  readonly calendar?: CalendarRules | undefined;
  /** Shared by the services of one process. Default: turns of this service alone. */
  readonly turns?: SearchTurns | undefined;
  /** What dates of events mean. Default: days begin in UTC+14 or UTC-12. */
  readonly days?: PayerDays | undefined;
}

/**
 * How long the commit of a group may wait, ms. A commit costs a request for each batch and group. After a crash another
 * process handles the records of this time again, and every handler is idempotent.
 */
const COMMIT_MS = 5_000;

/** A background job of a service. `stop` is also called if the start of the service failed before `start`. */
export interface BackgroundJob {
  start(): void | Promise<void>;
  stop(): void | Promise<void>;
}

/** What one service asks of the frame. */
export interface ServiceSettings {
  readonly name: Service;
  /** The facts that a service decides by. Without it the service has neither facts nor access tokens of providers. */
  readonly facts?: {
    /** Facts older than this decide nothing, ms. */
    readonly boundMs: number;
    /** Nobody sees a member who has not got a notice. Default: false. */
    readonly holdsUntilNotice?: boolean | undefined;
    /** How often the heads of the payer's topics are looked at, ms. Default 500. */
    readonly pollMs?: number | undefined;
  };
  /** The base of every link, without `/fhir`. With it the service lets clients in by their access tokens. */
  readonly publicUrl?: string;
  /** The views that the service keeps up to date, and serves under `/ops/views/<name>`. */
  readonly projections?: readonly Projection[];
  /** Records in one transaction of a view at most. */
  readonly maxRecords?: number;
  /**
   * Background jobs, by the tokens under which the service provides them. The frame starts them in this order once
   * every module is initialized. It stops them in the opposite order, before the consumers of the log end.
   */
  readonly jobs?: readonly InjectionToken<BackgroundJob>[];
  /**
   * Consumers of the log, by objects that the service provides. The frame subscribes them after the start of the jobs,
   * and stops them after the end of the jobs.
   */
  readonly consumers?: (get: <T>(token: Type<T>) => T) => readonly SubscribeOptions[];
  /** Sets what bodies the routes of the service take, and its hooks. Default: any body, as bytes. */
  readonly http?: (fastify: FastifyInstance) => void;
}

/** The options of a consumer group whose batches an object handles. */
export const consumer = (
  group: ConsumerGroup,
  by: { handle(batch: Batch): Promise<void>; assigned?(): void },
): SubscribeOptions => ({ ...group, handle: (batch) => by.handle(batch), assigned: () => by.assigned?.() });

/** A view that has not asked the log for this time counts as not ready, ms. */
const STALE_MS = 30_000;

interface Frame extends Required<Pick<ServiceSettings, 'consumers' | 'http' | 'jobs'>> {
  readonly log: EventLog;
  readonly operations: OperationPorts;
  /** Started in this order before the jobs, and stopped in the opposite order after the consumers have ended. */
  readonly parts: readonly BackgroundJob[];
}
const FRAME = Symbol('Frame');

/**
 * The frame of every service. A service module imports `ServiceModule.forRoot(runtime, settings)` and lists only its
 * controllers and its own providers. The frame provides the ports, `Audit`, static tokens, the calendar and the days;
 * and where the settings ask for them `Facts`, access tokens of apps, and a `ProjectionSet` with its
 * routes. It sets the body parsers, starts views before facts and both before the service, and stops them after the
 * consumers of the service have ended. Between, it runs the background jobs and the consumers of the service. A service
 * adds its own checks to the list under `READINESS`.
 */
@Module({})
export class ServiceModule
  implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown
{
  private readonly consuming: Subscription[] = [];

  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(FRAME) private readonly frame: Frame,
    @Inject(ModuleRef) private readonly modules: ModuleRef,
  ) {}

  static forRoot(runtime: ServiceRuntime, settings: ServiceSettings): DynamicModule {
    const { name, publicUrl } = settings;
    const memberHash = runtime.memberHash ?? MemberHash.random();
    const ports: ServicePorts = { ...runtime.ports, memberHash };
    const { log, views, clock, logger, metrics, tracing } = ports;
    let authenticator: Authenticator | undefined;
    const checks: ReadinessCheck[] = [];
    const parts: Frame['parts'][number][] = [];
    let facts: Facts | undefined;
    const registered = (client: string): { name: string; providers: readonly string[] } | undefined => {
      const known = facts?.parties.client(client);
      return known && { name: known.name, providers: providersAt(known, facts!.parties.decisionTime(clock.now())) };
    };
    const decidedOf = (members: readonly string[]): DecidedAt | undefined =>
      facts && { at: facts.access.entryTime(members), read: facts.access.entryRead(members) };
    const source = `urn:provider-access:${name}`;
    const audit = new Audit({ log, clock, metrics, source, tracing, registered, decidedOf });
    const tokens = runtime.staticTokens ?? new StaticTokens({});
    const sessions = new Sessions({ state: ports.state, clock, isSecure: runtime.isSecure ?? true });
    const callers = new Callers(tokens, sessions);
    const turns = runtime.turns ?? new SearchTurns();
    const providers: Provider[] = [
      { provide: PORTS, useValue: ports },
      { provide: STATIC_TOKENS, useValue: tokens },
      { provide: Sessions, useValue: sessions },
      { provide: Callers, useValue: callers },
      { provide: MEMBER_HASH, useValue: memberHash },
      { provide: BusinessCalendar, useValue: new BusinessCalendar(runtime.calendar) },
      { provide: SearchTurns, useValue: turns },
      { provide: PayerDays, useValue: runtime.days ?? new PayerDays() },
      { provide: Audit, useValue: audit },
      { provide: READINESS, useValue: checks },
      { provide: ENGINE_CHECKS, useValue: [] },
    ];
    const projections = new ProjectionSet({
      log,
      views,
      projections: settings.projections ?? [],
      logger,
      ...(settings.maxRecords !== undefined && { maxRecords: settings.maxRecords }),
    });
    providers.push({ provide: ProjectionSet, useValue: projections });
    if (settings.projections !== undefined) {
      measureViews(metrics, projections);
      parts.push(projections);
      checks.push({ name: 'views', check: () => viewsCheck(projections) });
    }
    if (settings.facts !== undefined) {
      const { presence } = runtime;
      facts = new Facts({ ...settings.facts, log, views, clock, metrics, logger, service: name, presence });
      parts.push(facts);
      const known = facts;
      checks.unshift({ name: 'facts', check: async () => known.check() });
      providers.push({ provide: Facts, useValue: facts });
      if (publicUrl !== undefined) {
        const accessTokens = new AccessTokens({
          keys: publishedKeys(facts.parties.registry),
          publicUrl,
          clock,
          metrics,
        });
        authenticator = new Authenticator(accessTokens, facts.parties);
      }
    }
    const refused = new RefusedRequests(ports, { service: name, audit, authenticator });
    parts.push(refused);
    const { http = anyBytes, jobs = [], consumers = () => [] } = settings;
    const base = `${publicUrl}/fhir`;
    const within = facts && (<T>(run: () => Promise<T>): Promise<T> => facts!.access.within(run));
    const operations: OperationPorts = { authenticator, callers, audit, turns, refusals: refused, base, within };
    const frame: Frame = { operations, http, jobs, consumers, log, parts };
    return {
      module: ServiceModule,
      controllers: [viewsController(name), healthController(name)],
      providers: [...providers, { provide: FRAME, useValue: frame }],
      exports: providers.map((provider) => (provider as { readonly provide: symbol }).provide),
    };
  }

  async onModuleInit(): Promise<void> {
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    fastify.decorate('operations', this.frame.operations);
    this.frame.http(fastify);
    for (const part of this.frame.parts) await part.start();
  }
  async onApplicationBootstrap(): Promise<void> {
    for (const job of this.jobs()) await job.start();
    for (const options of this.frame.consumers((token) => this.modules.get(token, { strict: false })))
      this.consuming.push(await this.frame.log.subscribe({ commitMs: COMMIT_MS, ...options }));
  }
  async onModuleDestroy(): Promise<void> {
    for (const job of this.jobs().toReversed()) await job.stop();
  }
  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.consuming.splice(0).map((subscription) => subscription.stop()));
  }
  async onApplicationShutdown(): Promise<void> {
    for (const part of this.frame.parts.toReversed()) await part.stop();
  }

  /** The service module provides its jobs. It imports this module, so they are found by their tokens. */
  private jobs(): BackgroundJob[] {
    return this.frame.jobs.map((token) => this.modules.get(token, { strict: false }));
  }
}

/** The default takes every media type, so that a request to an unknown path is answered 404 and not 415. */
function anyBytes(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
}

async function viewsCheck(projections: ProjectionSet): Promise<{ readonly ready: boolean; readonly detail?: string }> {
  const found = await projections.check();
  if (!found.ready || Date.now() - projections.lastPoll() < STALE_MS) return found;
  return { ready: false, detail: 'a view has not asked the log for 30 s' };
}
