import type { Attributes } from '@opentelemetry/api';
import type { OTLPExporterNodeConfigBase } from '@opentelemetry/otlp-exporter-base/node-http';
import type { Logger } from '../logger.ts';

/** The process that sends to an OTLP collector, and the address of the collector. */
export interface Sender {
  /** Without `/v1/traces`. */
  readonly endpoint: string;
  readonly headers: () => Record<string, string>;
  /** Attributes of the deployment. */
  readonly resource: Readonly<Record<string, string>>;
  readonly version: string;
  /** Of the process. */
  readonly instance: string;
  readonly logger: Logger;
}

/** How long one attempt may take, ms; the exporter repeats within it. */
export const EXPORT_MS = 10_000;

/** The connection for one kind of data, `traces` or `metrics`, to a collector. */
export function otlpConfig(
  endpoint: string,
  signal: 'traces' | 'metrics',
  headers: () => Record<string, string>,
): OTLPExporterNodeConfigBase {
  let last: Record<string, string> = {};
  return {
    url: `${endpoint}/v1/${signal}`,
    timeoutMillis: EXPORT_MS,
    concurrencyLimit: 4,
    headers: async () => {
      try {
        last = headers();
      } catch {
        // A file in the middle of being replaced: those of before.
      }
      return last;
    },
  };
}

/** The sender, by https://opentelemetry.io/docs/specs/semconv/resource/service/ */
export const resourceOf = (service: string, { version, instance, resource }: Sender): Attributes => ({
  'service.name': service,
  'service.namespace': 'provider-access',
  'service.version': version,
  'service.instance.id': instance,
  'telemetry.sdk.language': 'nodejs',
  'telemetry.sdk.name': 'opentelemetry',
  ...resource,
});

/** Whether a warning may be logged: the last one is a minute old. */
export function onceAMinute(): () => boolean {
  let last = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - last < 60_000) return false;
    last = now;
    return true;
  };
}
