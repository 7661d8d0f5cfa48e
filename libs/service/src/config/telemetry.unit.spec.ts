import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { ConfigurationError, readConfig, refuse, telemetryEnv, telemetryFaults, telemetryOptions } from './index.ts';

const schema = z.object(telemetryEnv);
const folder = mkdtempSync(join(tmpdir(), 'provider-access-telemetry-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (content: string, mode = 0o600): string => {
  const name = join(folder, `${Math.random()}`);
  writeFileSync(name, content, { mode });
  return name;
};
const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' };

test('sends nothing without an endpoint, or when it is switched off', () => {
  expect(telemetryOptions(readConfig(schema, {}))).toMatchObject({
    endpoint: undefined,
    ratio: 0.01,
    resource: {},
    metricIntervalMs: 60_000,
  });
  expect(telemetryOptions(readConfig(schema, ENDPOINT)).endpoint).toBe('http://collector:4318');
  expect(telemetryOptions(readConfig(schema, { ...ENDPOINT, OTEL_SDK_DISABLED: 'true' })).endpoint).toBeUndefined();
});

test('resource attributes are percent-decoded', () => {
  const env = readConfig(schema, {
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=production, k8s.pod.name = a%2Cb ,empty=',
  });
  expect(telemetryOptions(env).resource).toEqual({
    'deployment.environment.name': 'production',
    'k8s.pod.name': 'a,b',
    empty: '',
  });
});

test('headers come from a secret file, which is read again each time', () => {
  const name = file('authorization=Bearer%20one\nX-Scope-OrgID=payer');
  const env = readConfig(schema, { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS_FILE: name });
  expect(telemetryFaults(env)).toEqual([]);
  const options = telemetryOptions(env);
  expect(options.headers()).toEqual({ authorization: 'Bearer one', 'x-scope-orgid': 'payer' });
  writeFileSync(name, 'authorization=two,a=b');
  expect(options.headers()).toEqual({ authorization: 'two', a: 'b' });
});

test.each([
  ['OTEL_EXPORTER_OTLP_HEADERS_FILE', { OTEL_EXPORTER_OTLP_HEADERS_FILE: file('a=b') }, 'no effect without'],
  [
    'OTEL_EXPORTER_OTLP_HEADERS_FILE',
    { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS_FILE: file('no header: s3cret') },
    'not name=value',
  ],
  [
    'OTEL_EXPORTER_OTLP_HEADERS_FILE',
    { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS_FILE: file('a=s3cret', 0o644) },
    'others may read',
  ],
  [
    'OTEL_EXPORTER_OTLP_HEADERS_FILE',
    { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS_FILE: join(folder, 'none') },
    'not there',
  ],
])('%s that cannot be used is named, without its content', (variable, env, why) => {
  expect(() => refuse(telemetryFaults(readConfig(schema, env)))).toThrow(ConfigurationError);
  expect(() => refuse(telemetryFaults(readConfig(schema, env)))).toThrow(new RegExp(`^${variable}: .*${why}`));
  expect(() => refuse(telemetryFaults(readConfig(schema, env)))).not.toThrow('s3cret');
});

test.each([
  ['OTEL_TRACES_SAMPLER_ARG', '1.5'],
  ['OTEL_TRACES_SAMPLER_ARG', 'often'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4317'],
  ['OTEL_RESOURCE_ATTRIBUTES', 'no pairs'],
  ['OTEL_RESOURCE_ATTRIBUTES', 'a=%zz'],
  ['OTEL_METRIC_EXPORT_INTERVAL', '10'],
  ['REQUEST_LOG', 'yes'],
  ['METRICS', '0'],
  ['TRUST_TRACEPARENT', '1'],
])('%s=%s is refused by name', (name, value) => {
  expect(() => readConfig(schema, { [name]: value })).toThrow(ConfigurationError);
  expect(() => readConfig(schema, { [name]: value })).toThrow(name);
});
