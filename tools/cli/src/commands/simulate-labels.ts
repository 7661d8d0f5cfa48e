import { readFileSync } from 'node:fs';
import type { Context } from '../context.ts';
import { CliError, EXIT, table } from '../output.ts';

interface Change {
  readonly withheld: number;
  readonly released: number;
  /** Claims that would be served without lines. Absent in answers of earlier releases. */
  readonly lines?: number;
}
/** What `POST /ops/explain/labels` answers. */
interface Simulation extends Change {
  readonly resources: number;
  readonly members: number;
  readonly byType: Readonly<Record<string, Change>>;
  readonly byProvider: Readonly<Record<string, Change>>;
  readonly byTag: Readonly<Record<string, number>>;
  readonly earlierReleases: readonly {
    readonly at: string;
    readonly client: string;
    readonly action: string;
    readonly job?: string;
    readonly file?: string;
    readonly members: number;
  }[];
  readonly more: boolean;
}

/** `pa simulate labels`: what lists of sensitive codes would withhold, and what has left already. */
export async function simulateLabels(names: string, { server, out, administratorToken }: Context): Promise<void> {
  const files = names.split(',').map((name) => textOf(name.trim()));
  const found = await server.post<Simulation>(
    '/ops/explain/labels',
    { files },
    { token: administratorToken(), timeoutMs: 60 * 60 * 1000 },
  );
  out.result(found, linesOf(found));
}

function textOf(name: string): string {
  try {
    return readFileSync(name, 'utf8');
  } catch {
    throw new CliError(EXIT.usage, `${name} cannot be read`);
  }
}

const changesOf = (what: string, changes: Readonly<Record<string, Change>>): readonly string[] =>
  table(
    [what, 'withheld in addition', 'no longer withheld', 'without a line'],
    Object.entries(changes).map(([name, { withheld, released, lines = 0 }]) => [
      name,
      String(withheld),
      String(released),
      String(lines),
    ]),
  );

function linesOf(found: Simulation): string[] {
  const {
    resources,
    members,
    withheld,
    released,
    lines: cut = 0,
    byType,
    byProvider,
    byTag,
    earlierReleases,
    more,
  } = found;
  const lines = [
    `${withheld} of ${resources} resources would be withheld in addition, and ${released} no longer withheld.`,
    ...(cut > 0 ? [`${cut} claims would be served without a line.`] : []),
    `${members} members have such resources.`,
  ];
  if (members === 0) return lines;
  lines.push('', ...changesOf('type', byType));
  if (Object.keys(byProvider).length > 0) lines.push('', ...changesOf('provider', byProvider));
  const tags = Object.entries(byTag).map(([tag, count]) => [tag, String(count)]);
  if (tags.length > 0) lines.push('', ...table(['reason', 'resources'], tags));
  if (earlierReleases.length > 0)
    lines.push(
      '',
      'Such resources may have left already:',
      ...table(
        ['at', 'app', 'action', 'job or file', 'members'],
        earlierReleases.map((one) => [one.at, one.client, one.action, one.file ?? one.job ?? '', String(one.members)]),
      ),
      ...(more ? ['… and more: pa disclosures --member lists those of one member'] : []),
    );
  return lines;
}
