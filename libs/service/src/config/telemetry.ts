import { z } from 'zod';
import { idle } from './read-config.ts';
import { FileFault, fileFor, readFileOf, secretOf } from './secret-file.ts';
import { baseUrl, flag, whole } from './values.ts';

/** `key=value,key=value` as W3C baggage writes it: values percent-encoded. */
const ATTRIBUTES = /^\s*[A-Za-z0-9._-]{1,128}\s*=[^,=]*(\s*,\s*[A-Za-z0-9._-]{1,128}\s*=[^,=]*)*\s*$/;
const decodable = (text: string): boolean => {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
};
function pairs(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(',').map((each): [string, string] => {
      const at = each.indexOf('=');
      return [each.slice(0, at).trim(), decodeURIComponent(each.slice(at + 1).trim())];
    }),
  );
}

const HEADER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** @throws FileFault as `secretOf`, or for a line that is no header */
function headersOf(file: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const each of secretOf(file).split(/[\n,]/)) {
    if (each.trim() === '') continue;
    const at = each.indexOf('=');
    const [name, value] = [each.slice(0, at).trim(), each.slice(at + 1).trim()];
    if (at < 1 || !HEADER.test(name) || !/^[\x20-\x7e]+$/.test(value))
      throw new FileFault('names a file that has a line which is not name=value');
    headers[name.toLowerCase()] = decodable(value) ? decodeURIComponent(value) : value;
  }
  return headers;
}

/** Traces, metrics and logs. `OTEL_*` as the OpenTelemetry specification names them. */
export const telemetryEnv = {
  OTEL_SDK_DISABLED: flag.default(false).describe('`true`: nothing is sent, whatever else is set.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: baseUrl
    .optional()
    .describe(
      'Where a collector takes OTLP over HTTP (protobuf), without `/v1/…`, e.g. `http://collector:4318`. Without ' +
        'it traces are not made and metrics are not sent.',
    ),
  OTEL_EXPORTER_OTLP_HEADERS_FILE: fileFor(headersOf)
    .optional()
    .describe('Secret file with headers for the collector: `name=value`, one a line or separated by commas.'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number('must be a number from 0 to 1')
    .min(0, 'must be a number from 0 to 1')
    .max(1, 'must be a number from 0 to 1')
    .default(0.01)
    .describe(
      'Share of the traces that begin here and are kept. Where a trace began elsewhere, that place decided whether ' +
        'it is kept.',
    ),
  OTEL_RESOURCE_ATTRIBUTES: z
    .string()
    .max(4096, 'must be 4096 characters at most')
    .regex(ATTRIBUTES, 'must be key=value, separated by commas')
    .refine(decodable, 'must have values in percent-encoding')
    .transform(pairs)
    .optional()
    .describe(
      'What is said of this process in traces and metrics: `key=value,key=value`, e.g. ' +
        '`deployment.environment.name=production`.',
    ),
  OTEL_METRIC_EXPORT_INTERVAL: whole(1000, 3_600_000)
    .default(60_000)
    .describe('How often metrics are sent to the collector, ms.'),
  TRUST_TRACEPARENT: flag
    .default(false)
    .describe(
      "`true`: the service continues a request's `traceparent`, which also decides whether the trace is kept. Set it " +
        'only where the proxy in front sets or removes this header. Without it, a request begins a trace of its own ' +
        'with a link to the other one.',
    ),
  REQUEST_LOG: flag.default(true).describe('`false`: no line a request in the log.'),
  METRICS: flag.default(true).describe('`false`: nothing is measured, and there is no `/metrics`.'),
};
export type TelemetryEnv = z.infer<z.ZodObject<typeof telemetryEnv>>;

/** Contradictions, one sentence each. */
export const telemetryFaults = (env: TelemetryEnv): readonly string[] =>
  env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
    ? idle(env, ['OTEL_EXPORTER_OTLP_HEADERS_FILE'], 'has no effect without OTEL_EXPORTER_OTLP_ENDPOINT')
    : [];

/** Where telemetry goes; `endpoint` undefined: nowhere. */
export function telemetryOptions(env: TelemetryEnv) {
  const file = env.OTEL_EXPORTER_OTLP_HEADERS_FILE;
  return {
    endpoint: env.OTEL_SDK_DISABLED ? undefined : env.OTEL_EXPORTER_OTLP_ENDPOINT,
    /** Asked before each export, so that a file that was replaced counts. @throws ConfigurationError */
    headers: (): Record<string, string> =>
      file === undefined ? {} : readFileOf('OTEL_EXPORTER_OTLP_HEADERS_FILE', file, headersOf),
    ratio: env.OTEL_TRACES_SAMPLER_ARG,
    resource: env.OTEL_RESOURCE_ATTRIBUTES ?? {},
    metricIntervalMs: env.OTEL_METRIC_EXPORT_INTERVAL,
  };
}
