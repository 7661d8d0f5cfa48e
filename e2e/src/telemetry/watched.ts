import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { eventually } from '@provider-access/testing';
import { freshPlatform, instancesOf, SHARED, type Fresh, type FreshOptions } from '../harness.ts';
import { SERVICES, type ServiceName } from '../gateway.ts';
import { http } from '../road.ts';
import { TELLING, type SharedWorld } from '../world/context.ts';
import { otlpReceiver, resourcesOf, spansIn, type Received, type ReceivedSpan } from './otlp.ts';

/** The telemetry and log lines of a platform. */
export interface Emitted {
  readonly lines: readonly string[];
  readonly spans: readonly ReceivedSpan[];
  /** Requests to the collector, traces and metrics. */
  readonly received: readonly Received[];
}
export interface Watched extends Fresh {
  /** Everything that each process has emitted since the platform was opened. Waits until all of it has arrived. */
  emitted(): Promise<Emitted>;
}

/** A request that each service answers with a span for any caller. */
const ANSWERED: Readonly<Record<ServiceName, string>> = {
  auth: '/auth/clients',
  attribution: '/fhir/Group',
  consent: '/fhir/Consent/none',
  resources: '/fhir/Patient/none',
  export: '/fhir/bulk/none',
};

/**
 * A platform whose log lines, spans and metrics are kept. In the suite `world` they are those of the shared platform,
 * from now on.
 */
export async function watchedPlatform(options: FreshOptions = {}): Promise<Watched> {
  if (SHARED !== undefined) {
    const fresh = await freshPlatform({ ...options, env: { ...TELLING, ...options.env } });
    const record = recorded(SHARED);
    // Telemetry of earlier scenarios is still arriving.
    const earlier = await flushed(fresh, record);
    for (const list of [earlier.lines, earlier.spans, earlier.received] as unknown[][]) list.length = 0;
    return { ...fresh, emitted: () => flushed(fresh, record) };
  }
  const emitted = { lines: [] as string[], spans: [] as ReceivedSpan[], received: [] as Received[] };
  const receiver = await otlpReceiver((request) => {
    emitted.received.push(request);
    emitted.spans.push(...spansIn(request));
  });
  const env = {
    ...TELLING,
    OTEL_METRIC_EXPORT_INTERVAL: '2000',
    LOG_FORMAT: 'json',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    ...options.env,
  };
  const fresh = await freshPlatform({ ...options, env, onLine: (line) => emitted.lines.push(line) });
  return {
    ...fresh,
    emitted: () => flushed(fresh, () => emitted),
    async dispose() {
      await fresh.dispose();
      await receiver.close();
    },
  };
}

/** What is added to the files of the shared world from now on. */
function recorded(world: SharedWorld): () => Emitted {
  const told = { lines: [] as string[], spans: [] as ReceivedSpan[], received: [] as Received[] };
  const [lines, requests] = [tail(world.lines), tail(world.received)];
  return () => {
    told.lines.push(...lines());
    for (const request of requests()) {
      const [path = '', body = ''] = request.split(' ');
      const received = { path, body: Buffer.from(body, 'base64') };
      told.received.push(received);
      told.spans.push(...spansIn(received));
    }
    return told;
  };
}

/**
 * Each call returns the whole lines that were added to the file since the last one. The first may be the end of a line.
 */
function tail(file: string): () => string[] {
  const size = (fd: number): number => fstatSync(fd).size;
  const open = <T>(use: (fd: number) => T): T => {
    const fd = openSync(file, 'r');
    try {
      return use(fd);
    } finally {
      closeSync(fd);
    }
  };
  let from = open(size);
  return () =>
    open((fd) => {
      const added = Buffer.alloc(Math.max(0, size(fd) - from));
      readSync(fd, added, 0, added.length, from);
      const whole = added.subarray(0, added.lastIndexOf('\n') + 1);
      from += whole.length;
      return whole.toString('utf8').split('\n').slice(0, -1);
    });
}

/**
 * Sends each process one more request and waits for its span, log line and metrics. A process emits spans and lines in
 * order, so everything before has arrived then.
 */
async function flushed(fresh: Fresh, emitted: () => Emitted): Promise<Emitted> {
  const platform = fresh.platform();
  const urls = SERVICES.flatMap((service) => instancesOf(platform, service).map((base) => base + ANSWERED[service]));
  const asked = await Promise.all(
    urls.map(async (url) => {
      const traceId = randomBytes(16).toString('hex');
      await http(url, { headers: { traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01` } });
      return traceId;
    }),
  );
  const last = await eventually(
    () => {
      const servers = emitted().spans.filter((span) => span.kind === 'SERVER');
      const of =
        (id: string) =>
        (span: ReceivedSpan): boolean =>
          span.traceId === id || span.links.some((link) => link.traceId === id);
      const found = asked.flatMap((id) => servers.find(of(id)) ?? []);
      return found.length === asked.length && found;
    },
    { what: 'the last span of each process', interval: 250 },
  );
  await eventually(
    () => {
      const lines = emitted().lines.join('\n');
      return last.every(({ traceId }) => lines.includes(traceId));
    },
    { what: 'the last log line of each process', interval: 250 },
  );
  const before = emitted().received.length;
  const measuring = (requests: readonly Received[]): ReadonlySet<unknown> => {
    const resources = requests.filter(({ path }) => path === '/v1/metrics').flatMap(({ body }) => resourcesOf(body));
    return new Set(resources.map((resource) => resource['service.instance.id']));
  };
  const all = measuring(emitted().received).size;
  await eventually(() => measuring(emitted().received.slice(before)).size >= all, {
    what: 'the last metrics of each process',
    interval: 250,
  });
  return emitted();
}
