import type { Decision, Purpose } from '@provider-access/domain/access';
import type { KnownDocument, ViewDocument, ViewReader } from '@provider-access/engines/views';
import { memberFacts } from './projections.ts';

/** What decides: the members' facts of one moment with the present time and party facts. */
export interface Deciding {
  /** Reader of the `memberFacts` view. */
  readonly reader: ViewReader;
  /** How long ago a read may have found facts of this member that are used again, ms. */
  withinMs(member: string): number;
  /** @throws FactsStale */
  assertFresh(): void;
  /** Reads the facts, in the order of members. @throws FactsStale */
  documents(members: readonly string[]): Promise<readonly (ViewDocument | undefined)[]>;
  judge(
    client: string,
    purpose: Purpose,
    members: readonly string[],
    documents: readonly (ViewDocument | undefined)[],
  ): readonly Decision[];
  counted(purpose: Purpose, decisions: readonly Decision[]): readonly Decision[];
}

/** See `Access.ofRequest`. The decisions are in the order of members, all at one instant. All throw FactsStale. */
export interface RequestDecisions {
  decideMany(client: string, purpose: Purpose, members: readonly string[]): Promise<readonly Decision[]>;
  /**
   * The first decision about members whom the request names. Facts that this process remembers are not read, if they
   * permit with all the others. They may have changed, so what the answer has of the members needs `decideShown`. Call
   * `again` before the answer.
   */
  decideNamed(client: string, purpose: Purpose, members: readonly string[]): Promise<readonly Decision[]>;
  /** The decision before the answer leaves. Facts that this process surely knows are not read, if they permit. */
  decideShown(client: string, purpose: Purpose, members: readonly string[]): Promise<readonly Decision[]>;
  /**
   * Reads the facts of the members whom memory alone permitted, if the answer has nothing of one of them, and decides.
   * So a member without a result, or with withheld ones alone, costs the queries of a foreign one.
   * @param shown the members of whom the answer has something
   */
  again(client: string, purpose: Purpose, shown: ReadonlySet<string>): Promise<ReadonlyMap<string, Decision>>;
}

/** See `Access.decideOwners`. */
export interface OwnersDecided {
  readonly decisions: readonly Decision[];
  /** The facts that the decision about this member comes from, for `ViewReader.getWhile`. */
  basis(member: string): KnownDocument;
  /** The decisions with facts of a member that have changed since. */
  changed(member: string, now: ViewDocument | undefined): OwnersDecided;
  again(): Promise<void>;
}

/** The decisions by facts in memory, if it has all of them and they permit. */
function fromMemory(
  { judge }: Deciding,
  inMemory: (member: string) => ViewDocument | undefined,
  client: string,
  purpose: Purpose,
  members: readonly string[],
): { readonly documents: readonly ViewDocument[]; readonly decisions: readonly Decision[] } | undefined {
  const documents: ViewDocument[] = [];
  for (const member of members) {
    const document = inMemory(member);
    if (document === undefined) return undefined;
    documents.push(document);
  }
  const decisions = judge(client, purpose, members, documents);
  return decisions.every(({ permit }) => permit) ? { documents, decisions } : undefined;
}
const rememberedBy =
  ({ reader, withinMs }: Deciding) =>
  (member: string): ViewDocument | undefined =>
    reader.remembered(member, withinMs(member));

export function decisionsOfRequest(access: Deciding): RequestDecisions {
  const { reader } = access;
  const known = new Map<string, ViewDocument | undefined>();
  const unread = new Set<string>();
  let generation: number | undefined;
  const read = async (members: readonly string[]): Promise<void> => {
    const documents = await access.documents(members);
    members.forEach((member, i) => known.set(member, documents[i]));
  };
  const decided = (client: string, purpose: Purpose, members: readonly string[]): readonly Decision[] => {
    const documents = members.map((member) => known.get(member));
    return access.counted(purpose, access.judge(client, purpose, members, documents));
  };
  const decisions: RequestDecisions = {
    async decideMany(client, purpose, members) {
      access.assertFresh();
      const now = reader.generation();
      if (now === undefined || now !== generation) known.clear();
      generation = now;
      if (!members.every((member) => known.has(member))) await read(members);
      return decided(client, purpose, members);
    },
    async decideNamed(client, purpose, members) {
      access.assertFresh();
      const found = fromMemory(access, rememberedBy(access), client, purpose, members);
      if (found === undefined) return decisions.decideMany(client, purpose, members);
      for (const member of members) unread.add(member);
      return access.counted(purpose, found.decisions);
    },
    async decideShown(client, purpose, members) {
      access.assertFresh();
      const found = fromMemory(access, (member) => reader.kept(member), client, purpose, members);
      if (found === undefined) return decisions.decideMany(client, purpose, members);
      return access.counted(purpose, found.decisions);
    },
    async again(client, purpose, shown) {
      const members = [...unread];
      if (members.every((member) => shown.has(member))) return new Map();
      await read(members);
      const found = decided(client, purpose, members);
      return new Map(members.map((member, i) => [member, found[i]!]));
    },
  };
  return decisions;
}

export async function decideOwners(
  access: Deciding,
  client: string,
  purpose: Purpose,
  members: readonly string[],
): Promise<OwnersDecided> {
  access.assertFresh();
  const found = fromMemory(access, rememberedBy(access), client, purpose, members);
  const documents = found?.documents ?? (await access.documents(members));
  const decidedBy = (of: readonly (ViewDocument | undefined)[], decisions: readonly Decision[]): OwnersDecided => ({
    decisions: access.counted(purpose, decisions),
    basis: (member) => ({ projection: memberFacts, id: member, document: of[members.indexOf(member)] }),
    changed(member, now) {
      const next = of.map((document, i) => (members[i] === member ? now : document));
      return decidedBy(next, access.judge(client, purpose, members, next));
    },
    again: async () => void (found === undefined ? undefined : await access.documents(members)),
  });
  return decidedBy(documents, found?.decisions ?? access.judge(client, purpose, members, documents));
}
