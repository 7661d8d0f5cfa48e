import { SEARCH, type SearchDefinition, type SearchParameter } from '../src/search/definitions.ts';
import { modifiersOf } from '../src/search/query.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|');
const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');

const modifiersCell = (parameter: SearchParameter): string => {
  const { owner, chains = [] } = parameter;
  return code([
    ...modifiersOf(parameter).map((name) => `:${name}`),
    ...(owner === true ? [] : chains.map((name) => `.${name}`)),
  ]);
};

const row = (parameter: SearchParameter): string =>
  `| \`${parameter.name}\` | ${parameter.kind} | ${parameter.level} | ${parameter.alone === true ? 'yes' : ''} | ` +
  `${modifiersCell(parameter)} | ${cell(parameter.documentation)} (\`${cell(parameter.path)}\`) |`;

const KINDS = [
  [
    'token',
    '`code`, `system|code`, `|code`, `system|`',
    'codes without regard to case, systems exactly. An element of type code has the system of its value set',
  ],
  [
    'reference',
    '`id`, `Type/id`, `[base]/Type/id`, another URL',
    'without regard to versions. `:Type` names the type of a bare id; ' +
      '`:identifier` compares the identifier of the reference',
  ],
  [
    'date',
    'a year, month, day, minute, second or fraction, with a time zone (otherwise UTC)',
    'as ranges, with `eq` `ne` `gt` `ge` `lt` `le` `sa` `eb` `ap`. `ap` also takes the time of the same length ' +
      'before and after. An open Period has no end; a Timing counts from its first to its last time',
  ],
  [
    'string',
    'text',
    'the beginning, without regard to case, accents and the width of white space. A name or an address is compared ' +
      'part by part. `:exact` compares everything, `:contains` any part',
  ],
  [
    'quantity',
    '`number`, `number|system|code`, `number||unit`',
    'with the prefixes of dates. `5.4` equals 5.35 to 5.45. Units are not converted',
  ],
  ['uri', 'a URI', 'exactly'],
] as const;

const HEAD = '| parameter | kind | level | alone | modifiers, chains | value |\n|---|---|---|---|---|---|';
const COMMON = ['_id', '_lastUpdated', '_profile'];

function section({ type, parameters, combinations, includes, revincludes, sorts }: SearchDefinition): string {
  const own = parameters.filter(({ name }) => !COMMON.includes(name));
  const demanded = parameters.filter(({ name, level }) => COMMON.includes(name) && level !== 'MAY');
  const sources = [...new Set(parameters.flatMap((each) => each.sources))].filter((source) => source !== 'R4');
  const named = (level: string) =>
    combinations.filter((set) => set.level === level).map(({ names }) => `\`${names.join(' + ')}\``);
  const included = includes.map(({ parameter, targets }) => `\`${type}:${parameter}\` (${targets.join(', ')})`);
  const lines = [
    sources.length === 0 ? '' : `Guides: ${sources.join(', ')}.`,
    demanded.length === 0 ? '' : `Also ${demanded.map(({ name, level }) => `\`${name}\` (${level})`).join(', ')}.`,
    ...['SHALL', 'SHOULD'].map((level) =>
      named(level).length === 0 ? '' : `Combinations that a guide names with ${level}: ${named(level).join(', ')}.`,
    ),
    included.length === 0 ? '' : `\`_include\`: ${included.join(', ')}.`,
    revincludes.length === 0 ? '' : `\`_revinclude\`: ${code(revincludes)}.`,
    `\`_sort\`: ${code(sorts)}.`,
  ];
  const table = own.length === 0 ? 'It has only the parameters of every type.' : `${HEAD}\n${own.map(row).join('\n')}`;
  return `## ${type}\n\n${table}\n\n${lines
    .filter((line) => line !== '')
    .map((line) => `- ${line}`)
    .join('\n')}\n`;
}

/** The page of searches, from the table that the parser follows. */
export function searchPage(): string {
  return `# Searches

This page is generated from the table of search parameters: \`npm run search-page -w @provider-access/kernel\`.

Send \`GET [base]/[type]?parameters\`, or the same parameters as a form to \`POST [base]/[type]/_search\`. A
parameter that is given again must hold too. Values in a comma list are alternatives. A comma, \`|\`, \`$\` or \`\\\` in
a value has a \`\\\` in front.

A search finds only what its client may see. A search about members needs at least one parameter with _alone_; others
narrow it. A parameter, modifier, chain or sort that this page does not have is refused by name. An empty
parameter, \`_totalMethod\` and \`resourceType\` in \`_elements\` are ignored and reported. With the header
\`Prefer: handling=lenient\` the search leaves an unknown parameter out and reports it. A modifier that a parameter does
not have and a value that cannot be read are refused in every search. [Searching](searching.md) shows requests and
answers.

## Every type

| parameter | kind | value |
|---|---|---|
| \`_id\` | token | ids, exactly |
| \`_lastUpdated\` | date | when the platform accepted the version |
| \`_profile\` | uri | a profile that the resource declares; without \`\\|version\` it finds each version |

| result parameter | value |
|---|---|
| \`_include\`, \`_include:iterate\` | \`Type:parameter\`, \`Type:parameter:Target\`, \`Type:*\` or \`*\` |
| \`_revinclude\` | \`Provenance:target\` |
| \`_sort\` | names in a comma list; \`-\` in front sorts downwards |
| \`_count\` | entries of a page |
| \`_total\` | \`none\`, \`estimate\` or \`accurate\`; an estimate is accurate |
| \`_summary\` | \`true\`, \`text\`, \`data\`, \`count\` or \`false\` |
| \`_elements\` | names of elements in a comma list |
| \`_format\` | JSON; also of every other request, as \`_pretty\`, which indents an answer of at most 512 KiB |

## Kinds

| kind | values | how they are compared |
|---|---|---|
${KINDS.map(([kind, values, rule]) => `| ${kind} | ${cell(values)} | ${cell(rule)} |`).join('\n')}

\`:missing=true\` finds resources without a value, \`:not\` those without any of the codes, and \`:text\` compares the
text of a code as a string. \`patient.identifier\` finds by an identifier of the member. A name
after a dot is a chain: \`practitioner.name=who\` finds the roles of practitioners with that name. It needs the scope to
search for practitioners too, and at most 1,000 of them may fit.

${Object.values(SEARCH).map(section).join('\n')}`;
}
