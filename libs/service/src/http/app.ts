import 'reflect-metadata';
import { Catch, type ArgumentsHost, type DynamicModule, type ExceptionFilter, HttpException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Service } from '@provider-access/events';
import { EngineUnavailable } from '@provider-access/engines/log';
import { TraceScopes, Tracing, type Logger } from '../observability/index.ts';
import { Refusal, type RefusalKind } from '@provider-access/kernel';
import { OverBudget } from '@provider-access/fhir';
import { compressAnswers } from './compress-answers.ts';
import { sendRefusal } from './render-refusal.ts';
import { FHIR_TYPE } from './media-types.ts';
import { nothingHere } from './nothing-here.ts';
import { observeRequests } from './observe-requests.ts';
import { refuseEncodedBodies } from './plain-bodies.ts';
import type { ServicePorts } from './ports.ts';
import { prettyAnswers } from './pretty-answers.ts';
import { refuseOtherMethods } from './refuse-methods.ts';

export interface ServiceAppOptions {
  readonly name: Service;
  readonly ports: Pick<ServicePorts, 'logger' | 'metrics' | 'tracing'>;
  /**
   * The proxies whose `X-Forwarded-For` decides `request.ip`: their number, or their addresses and networks. Default:
   * none.
   */
  readonly trustProxy?: number | readonly string[] | undefined;
  /** One line a request at level info. Default false: at debug. */
  readonly requestLog?: boolean | undefined;
  /**
   * Whether a request's `traceparent` is continued. Default false: a caller from outside decides nothing about traces
   * (ADR 0011).
   */
  readonly trustTraceparent?: boolean | undefined;
}

/** Routes that take other types have parsers and texts of their own. */
const TYPES =
  `This Content-Type is not taken here. Use application/json or ${FHIR_TYPE}. The body of a search is ` +
  'application/x-www-form-urlencoded.';
const FASTIFY_CODES: Record<string, [RefusalKind, string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['too-large', 'The request body is larger than this server takes.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported-media-type', TYPES],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'invalid-request',
    'The body does not have the length that Content-Length says.',
  ],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['invalid-request', 'The body is empty although Content-Type says JSON.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['invalid-request', 'The body is not valid JSON.'],
};
const HTTP_KINDS: Record<number, RefusalKind> = {
  400: 'invalid-request',
  401: 'invalid-token',
  403: 'forbidden',
  404: 'not-found',
  405: 'method-not-allowed',
  413: 'too-large',
  415: 'unsupported-media-type',
  429: 'too-many-requests',
};

/**
 * Turns everything that is thrown into a refusal. An unexpected error is logged and answered as a 500 without details.
 */
export function toRefusal(error: unknown, logger: Logger, url = '/'): Refusal {
  if (error instanceof Refusal) return error;
  const unavailable = (): Refusal =>
    new Refusal('unavailable', 'The platform cannot answer at the moment. Repeat the request.', { retryAfter: 2 });
  if (error instanceof EngineUnavailable) return unavailable();
  if (error instanceof OverBudget) return new Refusal('over-budget', error.message);
  // A view lacks an index. The message names the index and the command that creates it, and holds no data.
  if (error instanceof Error && error.name === 'EnsureError') {
    logger.error({ error: error.name }, error.message);
    return unavailable();
  }
  const code = (error as { code?: string }).code ?? '';
  const known = FASTIFY_CODES[code];
  if (known !== undefined) return new Refusal(known[0], known[1]);
  if (error instanceof SyntaxError && 'statusCode' in error)
    return new Refusal('invalid-request', 'The body is not valid JSON.');
  if (error instanceof HttpException) {
    const kind = HTTP_KINDS[error.getStatus()];
    if (kind === 'not-found') return nothingHere(url);
    if (kind === 'unsupported-media-type') return new Refusal(kind, TYPES);
    if (kind !== undefined) return new Refusal(kind, 'The request was refused.');
  }
  const status = (error as { statusCode?: number }).statusCode;
  if (status !== undefined && HTTP_KINDS[status] !== undefined)
    return status === 404 ? nothingHere(url) : new Refusal(HTTP_KINDS[status], 'The request is not valid.');
  // The stack is code, not data; the message may quote input and stays out.
  logger.error(
    {
      error: error instanceof Error ? error.name : typeof error,
      stack: error instanceof Error ? (error.stack ?? '').split('\n').slice(1, 6).join('|') : undefined,
    },
    'unexpected error',
  );
  return new Refusal('internal', 'An unexpected error happened. It has been logged.');
}

@Catch()
class RefusalFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}
  catch(error: unknown, host: ArgumentsHost): void | Promise<void> {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const refusal = toRefusal(error, this.logger, request.url);
    const answer = (): void => sendRefusal(request, reply, refusal);
    const observed = request.server.operations?.refusals.refused(request, refusal);
    if (observed === undefined) return answer();
    // An observer that fails must not change the answer.
    return observed
      .catch((fault: unknown) => {
        this.logger.error({ error: fault instanceof Error ? fault.name : typeof fault }, 'a refusal was not recorded');
      })
      .then(answer);
  }
}

/** Fastify treats a bare number of proxies as none. This function does what the operator meant. */
const trustOf = (proxies: number | readonly string[]): string[] | ((address: string, hop: number) => boolean) =>
  typeof proxies === 'number' ? (_address, hop) => hop < proxies : [...proxies];

/**
 * `%24export` is `$export`: clients that encode `$` in a path mean the same operation, and the router does not decode
 * it.
 */
function rewriteUrl(request: { url?: string | undefined }): string {
  const url = request.url ?? '/';
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  return path.includes('%24') ? path.replaceAll('%24', '$') + (query < 0 ? '' : url.slice(query)) : url;
}

/**
 * Answers a request that the router refuses before it knows a route: a path that cannot be decoded, or a segment longer
 * than any id. The router's own answer would quote the path, which may hold an id. No hook sees such a request, so it
 * is counted and logged here.
 */
const unroutable =
  ({ name, ports: { metrics, logger }, requestLog }: ServiceAppOptions) =>
  (error: { readonly code?: string }, request: FastifyRequest, reply: FastifyReply): void => {
    const refusal =
      error.code === 'FST_ERR_MAX_PARAM_LENGTH'
        ? nothingHere(request.url)
        : new Refusal('invalid-request', 'The URL is not valid.');
    const { status } = refusal;
    metrics.request(name, request.method, 'unmatched', status, reply.elapsedTime);
    logger[requestLog === true ? 'info' : 'debug'](
      { method: request.method, route: 'unmatched', status, ms: 0 },
      'request',
    );
    sendRefusal(request, reply, refusal);
  };

const noSchema = (): never => {
  throw new Error(
    'A route has a schema of Fastify. Routes describe themselves by operations, which check the request.',
  );
};
/** Fastify would load its compilers of JSON schemas at the start: 230 modules with 27,000 objects for nothing. */
const NO_SCHEMAS = { compilersFactory: { buildValidator: noSchema, buildSerializer: noSchema } };

/**
 * A Nest container of one service on Fastify, which consumes the log and does not listen: the runner owns the listener
 * and hands requests to `app.getHttpAdapter().getInstance().routing(req, res)`.
 */
export async function createServiceApp(
  module: DynamicModule,
  options: ServiceAppOptions,
): Promise<NestFastifyApplication> {
  const { logger, metrics, tracing = new Tracing(new TraceScopes()) } = options.ports;
  const adapter = new FastifyAdapter({
    logger: false,
    // A larger body is not buffered. Streamed bodies are the route's own matter.
    bodyLimit: 1024 * 1024,
    rewriteUrl,
    routerOptions: { maxParamLength: 1024, ignoreTrailingSlash: true },
    forceCloseConnections: true,
    schemaController: NO_SCHEMAS,
    frameworkErrors: unroutable(options),
    ...(options.trustProxy !== undefined && { trustProxy: trustOf(options.trustProxy) }),
  });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    logger: false,
    bodyParser: true,
    abortOnError: false,
  });
  app.useGlobalFilters(new RefusalFilter(logger));
  const fastify = adapter.getInstance();
  observeRequests(fastify, {
    service: options.name,
    metrics,
    tracing,
    logger,
    log: options.requestLog === true,
    trust: options.trustTraceparent === true,
  });
  refuseEncodedBodies(fastify as unknown as FastifyInstance);
  // All before Nest adds the routes, because they hook into each of them.
  prettyAnswers(fastify as unknown as FastifyInstance);
  await compressAnswers(fastify as unknown as FastifyInstance);
  const refuseMethods = refuseOtherMethods(fastify as unknown as FastifyInstance);
  try {
    await app.init();
    refuseMethods();
    await fastify.ready();
    return app;
  } catch (error) {
    // Ends what had started before the fault (threads, subscriptions), so that the start may be tried again.
    await app.close().catch(() => undefined);
    throw error;
  }
}
