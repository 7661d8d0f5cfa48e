import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { slug } from '../links.ts';
import { REPOSITORY } from '../paths.ts';
import { cell, escaped, jsonBlock, type Schema, type Schemas, schemaTable, valueOf } from './schema.ts';

interface Body {
  readonly schema?: Schema;
  readonly example?: unknown;
}
interface Operation {
  readonly tags: readonly [string];
  readonly summary: string;
  readonly description?: string;
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly description: string;
    readonly schema: Schema;
  }[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, Body>> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, Body>> }>
  >;
}
interface Document {
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Schemas };
}

export const openApi = (): Document =>
  JSON.parse(readFileSync(join(REPOSITORY, 'docs/openapi.json'), 'utf8')) as Document;

export const apiPage = (tag: string): string => `api/${slug(tag)}.md`;

/** Pages of the HTTP API, one for each kind of caller, by their place on the site. */
export function apiPages(): ReadonlyMap<string, string> {
  const document = openApi();
  const all = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const pages = new Map<string, string>();
  for (const { name, description } of document.tags) {
    const own = all.filter(({ operation }) => operation.tags[0] === name);
    const sections = own.map(({ path, method, operation }) =>
      section(method, path, operation, document.components.schemas),
    );
    pages.set(apiPage(name), `# ${name}\n\n${escaped(description)}\n\n${sections.join('\n\n')}\n`);
  }
  const index = document.tags.map(({ name, description }) => {
    const rows = all
      .filter(({ operation }) => operation.tags[0] === name)
      .map(({ path, method, operation }) => {
        const title = titleOf(method, path);
        return `| [\`${title}\`](./${slug(name)}.md#${slug(title)}) | ${cell(operation.summary)} |`;
      });
    return `## ${name}\n\n${escaped(description)}\n\n| route | what it does |\n| --- | --- |\n${rows.join('\n')}`;
  });
  pages.set('api/index.md', `${INTRODUCTION}\n\n${index.join('\n\n')}\n`);
  return pages;
}

const INTRODUCTION = `# HTTP API

Every route of the platform, generated from the code that answers it. The same as OpenAPI 3.1: \`/openapi.json\` of each
server, for generators and for tools such as Postman.

**Tokens.** Send a token in \`Authorization: Bearer\`. An app gets its own from \`POST /auth/token\`. The payer's
systems and the administrator have fixed ones: \`npm start\` prints the files, in a deployment they are Secrets.

**Refusals** name what is wrong and what to do: an OperationOutcome below \`/fhir\`, an OAuth error below \`/auth\`, and
\`{"error", "message"}\` elsewhere. [Refusals](../refusals.md) explains each code.

**Try it.** Each route has a console that sends the request to the server that shows this page. Use it with the sandbox
(\`npm start -- --sandbox\`), and never with the keys or tokens of a production system.`;

const titleOf = (method: string, path: string): string => `${method.toUpperCase()} ${path}`;
const CALLERS: Readonly<Record<string, string>> = {
  app: 'an app with an access token',
  payer: 'the payer, with its token',
  administrator: 'the administrator, with its token',
  registration: 'the app, with its registration access token',
};

function section(method: string, path: string, operation: Operation, schemas: Schemas): string {
  const callers = operation.security.flatMap((one) => Object.keys(one)).map((name) => CALLERS[name]!);
  const parts = [
    `## \`${titleOf(method, path)}\``,
    `**${escaped(operation.summary)}.** ${escaped(operation.description ?? '')}`.trim(),
    `Callers: ${callers.length === 0 ? 'anybody' : callers.join(', or ')}.`,
  ];
  const { parameters = [], requestBody } = operation;
  if (parameters.length > 0)
    parts.push(
      [
        '| parameter | in | value | meaning |',
        '| --- | --- | --- | --- |',
        ...parameters.map(
          (one) =>
            `| \`${one.name}\` | ${one.in} | ${cell(valueOf(one.schema, schemas))} | ` +
            `${one.required === true ? '**required.** ' : ''}${cell(one.description)} |`,
        ),
      ].join('\n'),
    );
  for (const [type, { schema, example }] of Object.entries(requestBody?.content ?? {})) {
    const table = schema === undefined ? '' : schemaTable(schema, schemas);
    parts.push(`**Body**, \`${type}\`${schema?.description === undefined ? '' : `: ${escaped(schema.description)}`}`);
    if (table !== '') parts.push(table);
    if (example !== undefined) parts.push(jsonBlock(example));
  }
  parts.push(
    [
      '| answer | meaning |',
      '| --- | --- |',
      ...Object.entries(operation.responses).map(([status, one]) => `| ${status} | ${cell(one.description)} |`),
    ].join('\n'),
  );
  const [success] = Object.values(operation.responses);
  for (const { schema, example } of Object.values(success?.content ?? {})) {
    const table = schema === undefined ? '' : schemaTable(schema, schemas);
    if (table !== '') parts.push(`::: details The body of the answer\n${table}\n:::`);
    if (example !== undefined) parts.push(jsonBlock(example));
  }
  parts.push(`<TryIt method="${method}" path="${path}" />`);
  return parts.join('\n\n');
}
