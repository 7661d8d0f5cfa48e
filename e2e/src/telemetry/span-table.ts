import { readFileSync } from 'node:fs';
import type { ReceivedSpan } from './otlp.ts';

interface Row {
  readonly name: RegExp;
  readonly kind: string;
  readonly attributes: ReadonlySet<string>;
}

/** The table of `docs/telemetry.md`. A text in braces stands for one word. */
function table(): Row[] {
  const page = readFileSync(new URL('../../../docs/telemetry.md', import.meta.url), 'utf8');
  return [...page.matchAll(/^\| `([^`]+)` +\| ([A-Z]+) +\| ([^|]+) \|/gm)].map(([, name, kind, attributes]) => ({
    name: new RegExp(
      `^${name!
        .split(/\{\w+\}/)
        .map((part) => part.replaceAll('$', '\\$'))
        .join('[^ ]+')}$`,
    ),
    kind: kind!,
    attributes: new Set([...attributes!.matchAll(/`([^`]+)`/g)].map(([, a]) => a!)),
  }));
}

/** Spans that the table does not know, by name, kind or an attribute. */
export function undescribed(spans: readonly ReceivedSpan[]): string[] {
  const rows = table();
  const unknown = spans.filter(
    (span) =>
      !rows.some(
        (row) =>
          row.name.test(span.name) &&
          row.kind === span.kind &&
          Object.keys(span.attributes).every((a) => row.attributes.has(a)),
      ),
  );
  return [...new Set(unknown.map((span) => `${span.kind} ${span.name} ${Object.keys(span.attributes).join(' ')}`))];
}
