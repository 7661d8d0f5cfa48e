import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  kafkaEnv,
  listenEnv,
  mongoEnv,
  telemetryEnv,
  topicsEnv,
  type Variable,
  variablesOf,
} from '@provider-access/service/config';
import { z } from 'zod';
import { SERVICES } from '@provider-access/events';
import { envOf } from '../src/services.ts';

/**
 * Writes the reference of all environment variables, as a page and as data. Run:
 * npm run -w @provider-access/standalone configuration
 */
export const PAGE = fileURLToPath(new URL('../../../docs/configuration.md', import.meta.url));
export const DATA = fileURLToPath(new URL('../../../docs/configuration.json', import.meta.url));

const cell = (text: string): string => text.replaceAll('|', '\\|');
const row = ({ name, required, default: fallback, description }: Variable): string =>
  `| \`${name}\` | ${required ? 'must be set' : fallback === undefined ? '' : `\`${cell(fallback)}\``} | ` +
  `${cell(description)} |`;
const table = (variables: readonly Variable[]): string =>
  ['| variable | default | |', '|---|---|---|', ...variables.map(row)].join('\n');

export function page(): string {
  const all = SERVICES.map((name) => ({ name, variables: envOf(name) }));
  const shared = all[0]!.variables.filter((v) => all.every((other) => other.variables.some((w) => w.name === v.name)));
  const isShared = new Set(shared.map((v) => v.name));
  const group = (title: string, holds: (name: string) => boolean): string =>
    `### ${title}\n\n${table(shared.filter((v) => holds(v.name)))}\n`;
  const kafka = (name: string): boolean => name.startsWith('KAFKA_');
  const mongo = (name: string): boolean => name.startsWith('MONGODB_');
  const telemetry = (name: string): boolean => name in telemetryEnv;
  const section = ({ name, variables }: (typeof all)[number]): string =>
    `## ${name}\n\n${table(variables.filter((v) => !isShared.has(v.name)))}\n`;
  return `# Configuration

Every process reads its environment once, at its start. An empty value counts as absent. A wrong value, a value that
contradicts another one, or a name that looks misspelled ends the start with 1 and a sentence. The error names the
variable and never its value, except a folder or a port. \`npm start\` also ends at a variable that only separate
services read; the services share one environment, so a variable of another service is no mistake there
([why](adr/0064-start.md)). Times are in ms where the name ends with \`_MS\`. This page is generated from the schemas
of the services; \`configuration.json\` has the same as data.

**Secrets** come from files (\`*_FILE\`) that are the same in all instances. Their mode is 0400, 0440, 0600 or 0640.
White space around the content does not count. A file may hold several values: the service accepts all of them and uses
the first one. To rotate, add the new value as the second, and put it first once every instance has it. The service
reads a file again when it changes.

**TLS.** The processes speak plain HTTP. A listener or public URL outside loopback is refused unless TLS is in front (an
https \`PUBLIC_URL\`) or \`ALLOW_PLAIN_HTTP=true\`.

**Unreachable engines.** A start waits for Kafka and MongoDB. Meanwhile \`/health/live\` is true, \`/health/ready\`
names what is missing, and no restart is needed. Missing topics or indexes end the start (\`pa topics apply\`,
\`pa views apply\`). If Kafka becomes unreachable later, reads continue within the freshness bound and then answer 503.

## Every service

${group('The process', (name) => !kafka(name) && !mongo(name) && !telemetry(name))}
${group('Telemetry', telemetry)}
${group('Kafka', kafka)}
${group('MongoDB', mongo)}
${all.map(section).join('\n')}
## Administration (\`pa topics\`, \`pa views\`)

The variables of Kafka and MongoDB above, and what topics are created with:

${table(variablesOf(z.object(topicsEnv)))}

## Everything in one process (\`npm start\`)

${table(envOf('standalone'))}
`;
}

export function data(): string {
  const processes = Object.fromEntries([...SERVICES, 'standalone' as const].map((name) => [name, envOf(name)]));
  const admin = variablesOf(z.object({ ...kafkaEnv, ...topicsEnv, ...mongoEnv, LOG_FORMAT: listenEnv.LOG_FORMAT }));
  return `${JSON.stringify({ ...processes, admin }, undefined, 2)}\n`;
}

if (import.meta.main) {
  writeFileSync(PAGE, page());
  writeFileSync(DATA, data());
}
