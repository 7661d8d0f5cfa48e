import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { slug } from '../links.ts';
import { REPOSITORY } from '../paths.ts';
import { cell, escaped, jsonBlock, type Schema, schemaTable } from './schema.ts';

interface Message {
  readonly name: string;
  readonly title?: string;
  readonly payload: Schema;
}
interface Channel {
  readonly address: string;
  readonly description: string;
  readonly messages: Readonly<Record<string, unknown>>;
}
interface Document {
  readonly channels: Readonly<Record<string, Channel>>;
  readonly components: { readonly messages: Readonly<Record<string, Message>> };
}

export const asyncApi = (): Document =>
  JSON.parse(readFileSync(join(REPOSITORY, 'docs/asyncapi.json'), 'utf8')) as Document;

export const EVENT_PAGES = { payer: 'Events of the payer', pa: 'Events of the platform' } as const;
const pageOf = (type: string): keyof typeof EVENT_PAGES => (type.startsWith('payer.') ? 'payer' : 'pa');

/** Pages of the events on the log, by their place on the site: `docs/asyncapi.json` for people. */
export function eventPages(): ReadonlyMap<string, string> {
  const { channels, components } = asyncApi();
  const messages = Object.entries(components.messages);
  const topicsOf = (type: string): string[] =>
    Object.entries(channels)
      .filter(([, { messages: own }]) => Object.hasOwn(own, type))
      .map(([name]) => `\`${name}\``);
  const pages = new Map<string, string>();
  for (const [kind, title] of Object.entries(EVENT_PAGES)) {
    const own = messages.filter(([type]) => pageOf(type) === kind);
    const sections = own.map(([type, message]) => {
      const table = schemaTable(message.payload, {});
      return [
        `## \`${type}\``,
        ...(message.title === undefined ? [] : [`${escaped(message.title)}.`]),
        `Topics: ${topicsOf(type).join(', ')}.`,
        ...(table === '' ? [] : [table]),
        ...(kind === 'payer' ? [`::: details An example\n${jsonBlock(exampleOf(type))}\n:::`] : []),
      ].join('\n\n');
    });
    pages.set(`events/${kind}.md`, `# ${title}\n\n${INTRODUCTIONS[kind]!}\n\n${sections.join('\n\n')}\n`);
  }
  const rows = Object.entries(channels).map(([name, { description, messages: own }]) => {
    const types = Object.keys(own).map((type) => `[\`${type}\`](./${pageOf(type)}.md#${slug(type)})`);
    return `| \`${name}\` | ${cell(description)} | ${types.join('<br>')} |`;
  });
  pages.set(
    'events/index.md',
    `${INTRODUCTION}\n\n| topic | use | events |\n| --- | --- | --- |\n${rows.join('\n')}\n`,
  );
  return pages;
}

const exampleOf = (type: string): unknown =>
  JSON.parse(readFileSync(join(REPOSITORY, `libs/events/fixtures/${type}.json`), 'utf8'));

const INTRODUCTION = `# Events

Every topic and event of the log, generated from the contract in \`libs/events\`. The same as AsyncAPI 3.0:
\`docs/asyncapi.json\` in the repository. [Topics](../topics.md) has partitions, retention and consumer groups.

An event is a CloudEvent 1.0 in Kafka's binary mode: attributes are headers that begin with \`ce_\`, and the value is
\`data\` as JSON. Over HTTP, payers send the same events to \`POST /events\`.`;
const INTRODUCTIONS: Readonly<Record<string, string>> = {
  payer:
    'What the systems of a payer publish, with `POST /events` or to Kafka. The tables show `data`. The `subject` of ' +
    'an event about a member is the id of the member. [Publishing](../publishing.md) says what becomes of an event.',
  pa: 'What the services write. Everything that is read is built from these events. The tables show `data`.',
};
