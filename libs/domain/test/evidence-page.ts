import { FIGURE_IDS, FIGURES, UNKNOWN } from '../src/pdex/evidence/figures.ts';
import { RULES } from '../src/pdex/evidence/rules.ts';

const figures = FIGURE_IDS.map((id) => `| ${FIGURES[id].title.en} | \`${id}\` | ${FIGURES[id].how.en} |`);
const tests = (all: (typeof RULES)[number]['tests']): string =>
  all.length === 0
    ? 'none: it is about the payer, and not about the platform'
    : all.map(({ file }) => `\`${file}\``).join(', ');
const rules = RULES.map(
  ({ id, source, does, tests: proved, figures: own }) =>
    `| ${id} | ${source} | ${does.en} | ${tests(proved)} | ${own.map((one) => `\`${one}\``).join(', ')} |`,
);

/** The page of the monthly evidence, from the tables that the report uses. */
export const evidencePage = (): string => `# The evidence of a month

For the payer's compliance officer and for auditors: one page a month, with the figures of the month and with what
proves each rule. A page in the browser and \`pa evidence\` show it.

The tables of the report give this page (\`npm run evidence-page -w @provider-access/domain\`).

## Get the page

In a browser: sign in at \`/portal\` ([signing-in.md](signing-in.md)) and choose the month. One click prints it, and one
keeps it as a CSV file.

![The figures of a month](pictures/portal-evidence-light-1280.png)

With the command line:

1. Print the month, with an administrator's token:

   \`\`\`sh
   pa evidence --period 2026-11
   \`\`\`

2. Keep it in a file, as JSON or as CSV:

   \`\`\`sh
   pa evidence --period 2026-11 --out evidence.json
   pa evidence --period 2026-11 --out evidence.csv --csv
   \`\`\`

A month is one of the payer's time zone (\`BUSINESS_TIME_ZONE\`). A month that has not ended says so. The texts are
English or Spanish (\`--lang es\`). The route is \`GET /ops/evidence\`, for the role \`compliance\`. It names no member.

## Check a file

\`\`\`sh
pa evidence --period 2026-11 --verify evidence.json
\`\`\`

Before a report leaves, the audit gets an entry with its SHA-256, the month, and who asked. So somebody who changes a
file cannot make the audit agree with it. \`--verify\` works out the hash of the file, finds the entry, and compares the
audit of its UTC day with its [seal](disclosures.md#check-that-nobody-changed-the-audit). The seal comes when that day
is over; until then the command says that the entry is not sealed yet. The exit code is 1 for a file that was changed,
that is of another month, or whose day is not as it was sealed. An auditor may ask
\`GET /ops/evidence/signatures/{sha256}\` too.

- The hash of a JSON file is that of its \`report\`, with sorted names and without spaces.
- The hash of a CSV file is that of all lines before the last one.

## What is counted

A figure is exact, or \`at least\` a number where the count ended at its bound, or unknown with a reason. It is never 0
because nobody knows it. Figures that say "when the page is made" are those of that moment, also on the page of an
earlier month.

| figure | id | how it is counted |
| --- | --- | --- |
${figures.join('\n')}

A figure is unknown in two cases:

${Object.values(UNKNOWN)
  .map(({ en }) => `- ${en.replace('{looked}', '1,500')}`)
  .join('\n')}

Two counts look at every member: who is visible, and whose notice is due. With more than 500 members such a count goes
on behind the page, also when the page is closed. Until its end the figure is unknown, and the page says how many
members it has looked at. Its end stands for an hour, with the instant at which it was counted.

A claim or an opt-out from before \`SERVICE_LEVELS_SINCE\` is in no service level
([service-levels.md](service-levels.md#what-counts)).

## What proves each rule

The rules are numbered as in this project's digest of CMS-0057-F, for Medicare Advantage
([regulation.md](regulation.md)). A test of the repository checks that each test below exists and names its rule.

| rule | source | what the platform does | tests | figures |
| --- | --- | --- | --- | --- |
${rules.join('\n')}
`;
