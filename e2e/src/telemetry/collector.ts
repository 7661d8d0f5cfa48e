import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, goProgram } from '@provider-access/testing';
import type { ReceivedSpan } from './otlp.ts';

export interface Collector {
  readonly endpoint: string;
  /** The output of its debug exporter. */
  printed(): string;
  stop(): Promise<void>;
}

const PROGRAM = { name: 'collector', module: join(import.meta.dirname, '../../go/collector'), package: '.' };

/**
 * The OpenTelemetry Collector. It accepts OTLP over HTTP and prints what it read. `headers`: it refuses requests
 * without them.
 */
export async function startCollector(): Promise<Collector> {
  const program = await goProgram(PROGRAM);
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-collector-'));
  const port = await freePort();
  const config = {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: { debug: { verbosity: 'detailed' } },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: {
        traces: { receivers: ['otlp'], exporters: ['debug'] },
        metrics: { receivers: ['otlp'], exporters: ['debug'] },
      },
    },
  };
  const file = join(folder, 'collector.json');
  writeFileSync(file, JSON.stringify(config));
  const child = spawn(program, ['--config', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const printed = (): string => Buffer.concat(chunks).toString();
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  for (let i = 0; !printed().includes('Everything is ready'); i++) {
    if (i > 300 || child.exitCode !== null) {
      child.kill('SIGKILL');
      throw new Error(`the collector did not start: ${printed().slice(-500)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    endpoint: `http://127.0.0.1:${port}`,
    printed,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Spans from the output of the debug exporter. */
export function printedSpans(text: string): ReceivedSpan[] {
  const spans: ReceivedSpan[] = [];
  let service = '';
  for (const block of text.split(/^(?=ResourceSpans #|Span #)/m)) {
    service = /-> service\.name: Str\((.*)\)/.exec(block)?.[1] ?? service;
    if (!block.startsWith('Span #')) continue;
    const field = (name: string): string => new RegExp(`^ {4}${name} *: (.*)$`, 'm').exec(block)?.[1] ?? '';
    const [body = '', links = ''] = block.split(/^Links:$/m);
    spans.push({
      service,
      name: field('Name'),
      kind: field('Kind').toUpperCase(),
      traceId: field('Trace ID'),
      spanId: field('ID'),
      parentSpanId: field('Parent ID'),
      attributes: Object.fromEntries(
        [...body.matchAll(/^ {5}-> ([\w.]+): \w+\((.*)\)$/gm)].map(([, name, value]) => [name, value]),
      ),
      links: [...links.matchAll(/-> Trace ID: (\w+)\n\s+-> ID: (\w+)/g)].map(([, traceId, spanId]) => ({
        traceId: traceId!,
        spanId: spanId!,
      })),
      failed: /Status code *: Error/.test(block),
    });
  }
  return spans;
}
