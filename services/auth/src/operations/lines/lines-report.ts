import type { LinesFact } from '@provider-access/domain/access';
import type { LinesSet } from '@provider-access/events';
import type { ViewDocument, ViewReader, Views } from '@provider-access/engines/views';
import { type MemberFactsDocument, factsOfLines, memberships, type MembershipPart } from '@provider-access/facts';
import { memberFacts, toMemberFacts } from '@provider-access/facts/views';

/** Members whose facts one query reads. */
const TOGETHER = 500;
/** Plans that the report names. */
const MOST_PLANS = 1000;

/** Counts the coverages of attributed members by line. It reads every membership, so only an operator asks for it. */
export class LinesReport {
  readonly #memberships: ViewReader;
  readonly #members: ViewReader;
  constructor(views: Pick<Views, 'reader'>) {
    this.#memberships = views.reader(memberships);
    this.#members = views.reader(memberFacts);
  }

  /** `now`: ms since the epoch */
  async of(table: LinesSet | undefined, now: number): Promise<object> {
    if (table === undefined) return { version: 0, lines: [] };
    const facts = factsOfLines(table);
    const counts = new Counts(facts);
    let waiting: { readonly group: string; readonly member: string }[] = [];
    const count = async (): Promise<void> => {
      const found = await this.#members.getMany(waiting.map(({ member }) => member));
      for (const [i, { group }] of waiting.entries())
        if (found[i] !== undefined && isCountedIn(group, found[i])) counts.add(found[i], now);
      waiting = [];
    };
    for await (const document of this.#memberships.scan({ index: 'by_group', pageSize: TOGETHER })) {
      const { group, member } = document['membership'] as MembershipPart;
      waiting.push({ group, member });
      if (waiting.length >= TOGETHER) await count();
    }
    await count();
    const { version, setAt, by, reason, lines } = table;
    return {
      version,
      setAt,
      by,
      ...(reason !== undefined && { reason }),
      lines: lines.map((line) => ({
        ...line,
        started: line.from !== undefined && Date.parse(line.from) <= now,
        coverages: counts.ofLine(line.line),
      })),
      ...counts.unshared(),
    };
  }
}

/** A member may be in several Groups, and is counted in the first one of them. */
function isCountedIn(group: string, document: ViewDocument): boolean {
  const groups = Object.keys((document as MemberFactsDocument).attribution?.groups ?? {});
  return groups.every((other) => other >= group);
}

class Counts {
  readonly #table: LinesFact;
  readonly #lines = new Map<string, number>();
  readonly #unmapped = new Map<string, number>();
  #withoutPlan = 0;
  constructor(table: LinesFact) {
    this.#table = table;
  }

  /** Coverages that give access now or later, if their line permits. */
  add(document: ViewDocument, now: number): void {
    const { coverage, plans = [] } = toMemberFacts(document);
    const open = coverage.filter(({ to }) => to === undefined || Date.parse(to) > now);
    for (const id of new Set(open.map(({ coverageId }) => coverageId))) {
      const own = plans.filter(({ coverageId }) => coverageId === id);
      const current = own.findLast(({ from }) => Date.parse(from) <= now) ?? own[0];
      const line = current && this.#table.plans.get(current.plan)?.line;
      if (line !== undefined) this.#lines.set(line, this.ofLine(line) + 1);
      else if (current === undefined) this.#withoutPlan++;
      else if (this.#unmapped.size < MOST_PLANS || this.#unmapped.has(current.plan))
        this.#unmapped.set(current.plan, (this.#unmapped.get(current.plan) ?? 0) + 1);
    }
  }
  ofLine(line: string): number {
    return this.#lines.get(line) ?? 0;
  }
  unshared() {
    const byNumber = [...this.#unmapped].toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    return {
      unmapped: byNumber.map(([plan, coverages]) => ({ plan, coverages })),
      withoutPlan: this.#withoutPlan,
    };
  }
}
