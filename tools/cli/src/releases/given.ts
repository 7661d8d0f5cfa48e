import { AUDIT_ACTIONS } from '@provider-access/events';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../output.ts';

/** A release about one member, as `GET /ops/disclosures` names it. */
export interface Given {
  /** Names the entry of the audit. */
  readonly id: string;
  readonly at: string;
  readonly client: string;
  readonly agent?: { readonly name: string; readonly providers?: readonly string[]; readonly more?: number };
  readonly action: string;
  readonly outcome: string;
  readonly types?: readonly string[];
  readonly resources?: number;
  readonly job?: string;
  readonly file?: string;
  readonly query?: string;
}
interface Page {
  readonly disclosures: readonly Given[];
  readonly next?: string;
}
const PATH = '/ops/disclosures';
/** Actions that give something about a member to somebody outside. */
const GIVING = new Set(
  Object.entries(AUDIT_ACTIONS).flatMap(([name, { gives }]) => (gives === undefined ? [] : [name])),
);

/** What was given about a member in a period, [since, until), to somebody outside: the newest first. */
export async function* givenOf(
  { server }: Pick<Context, 'server'>,
  token: string,
  about: { readonly member: string; readonly since: string; readonly until?: string },
): AsyncGenerator<Given> {
  const { member, since, until } = about;
  const query = new URLSearchParams({ member, since, ...(until !== undefined && { until }) });
  for (let next: string | undefined = `${PATH}?${query}`; next !== undefined;) {
    // A link of the server leads to the same list, and never to another host.
    if (!next.startsWith(`${PATH}?`)) throw new CliError(EXIT.unavailable, 'the server named a next page elsewhere');
    const page: Page = await server.json<Page>(next, { token });
    for (const one of page.disclosures) if (one.outcome === 'released' && GIVING.has(one.action)) yield one;
    next = page.next;
  }
}

/** So many members are asked for at a time. */
const TOGETHER = 1000;

/**
 * Of members, those of whom anything was released since an instant. One request for a thousand, so that the cost of a
 * list of releases follows the list and not the members.
 */
export async function* releasedAmong(
  { server }: Pick<Context, 'server'>,
  token: string,
  members: AsyncIterable<string> | Iterable<string>,
  since: string,
): AsyncGenerator<string> {
  let some: string[] = [];
  const ask = async (): Promise<readonly string[]> => {
    const asked = some;
    some = [];
    if (asked.length === 0) return [];
    const body = { since, members: asked };
    return (await server.post<{ readonly members: readonly string[] }>(`${PATH}/members`, body, { token })).members;
  };
  for await (const member of members) {
    some.push(member);
    if (some.length >= TOGETHER) yield* await ask();
  }
  yield* await ask();
}

/** What `GET /ops/explain` answers, as far as it is used here. */
export interface Explained {
  readonly decision: string;
  readonly reason?: string;
  readonly memberFacts: {
    readonly mergedWith?: readonly string[];
    readonly attributions: readonly {
      readonly providers: readonly string[];
      readonly holds: boolean;
      readonly boundToClient: boolean;
      readonly inNetwork: boolean;
    }[];
    readonly coverage: readonly { readonly coverageId?: string; readonly holds: boolean }[];
  } | null;
}
type About = { readonly client: string; readonly member: string; readonly at: string };

/** The decision for an app and a member, made again for an instant with the facts of now. */
export const explained = (
  { server }: Pick<Context, 'server'>,
  token: string,
  { client, member, at }: About,
): Promise<Explained> =>
  server.json(`/ops/explain?${new URLSearchParams({ client, member, at, known: 'now' })}`, { token });

/** Why the decision for an app and a member, made again for an instant, denies; undefined if it permits. */
export async function deniedAt(
  context: Pick<Context, 'server'>,
  token: string,
  about: About,
): Promise<string | undefined> {
  const { decision, reason } = await explained(context, token, about);
  return decision === 'deny' ? (reason ?? 'denied') : undefined;
}

interface ViewStatus {
  readonly view: string;
  readonly position: { readonly topics: Positions };
  readonly head: Positions;
}
type Positions = Readonly<Record<string, readonly number[]>>;
const PATIENCE_MS = 30_000;

/** Waits until the list of releases has what was released before this call. @throws CliError after half a minute */
export async function listedUntilNow({ server }: Pick<Context, 'server'>, token: string): Promise<void> {
  const look = async (): Promise<readonly ViewStatus[]> =>
    (await server.json<{ views: ViewStatus[] }>('/ops/views/attribution', { token })).views.filter(({ view }) =>
      view.startsWith('audit_disclosures'),
    );
  const until = Date.now() + PATIENCE_MS;
  let now = await look();
  const heads = new Map(now.map(({ view, head }) => [view, head]));
  const isBehind = ({ view, position }: ViewStatus): boolean =>
    Object.entries(heads.get(view) ?? {}).some(([topic, offsets]) =>
      offsets.some((offset, partition) => (position.topics[topic]?.[partition] ?? 0) < offset),
    );
  for (; now.some(isBehind); now = await look()) {
    if (Date.now() > until)
      throw new CliError(EXIT.unavailable, 'the list of releases is behind the audit: run the same command again');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
