/** What a provider attested for its app about one member, and what became of it (MATCH.md). */
export interface Attestation {
  readonly member: string;
  readonly client: number;
  /** The Group of the result. It belongs to the app (M70). */
  readonly group: string;
  /** The earliest and the latest beginning, because nobody knows whose clock counts. ms since the epoch. */
  readonly from: readonly [number, number];
  /** The result names the member, or must have matched it. Otherwise it may have matched a member who left the file. */
  readonly isNamed: boolean;
  settled?: boolean;
  /** The provider withdrew it (M19). */
  withdrawn?: { settled?: boolean };
}
/** After a match, its Group can be read for so long (M71), ms. */
const LIVES_MS = 30 * 86_400_000;

type Lean = 'may' | 'must';

/**
 * The second ground beside an attribution, written from MATCH.md (M19, M36, M70, M71, M73): an attestation opens a
 * member to one app, until it expires or is withdrawn. Everything else that decides stays: opt-outs (M72), coverage,
 * the network (M31), and whether the app is approved.
 */
export class Attestations {
  readonly all: Attestation[] = [];

  /**
   * @param persons the ids that may be of the same person: the id that stays has the attestations of the others, too
   * @param now the earliest and the latest present, ms since the epoch
   * @param group only attestations of this Group
   */
  stands(
    { persons, client, group }: { persons: ReadonlySet<string>; client: number; group?: string | undefined },
    member: string,
    lean: Lean,
    [first, last]: readonly [number, number],
  ): boolean {
    const stated = this.all.filter(
      (one) => persons.has(one.member) && one.client === client && (group === undefined || one.group === group),
    );
    return lean === 'may'
      ? stated.some(
          ({ from, withdrawn }) => withdrawn?.settled !== true && from[0] <= last && first < from[1] + LIVES_MS,
        )
      : stated.some(
          ({ member: of, from, settled, isNamed, withdrawn }) =>
            of === member &&
            isNamed &&
            settled === true &&
            withdrawn === undefined &&
            from[1] <= first &&
            last < from[0] + LIVES_MS,
        );
  }
  /** Whether the matched Group has surely expired. */
  isOver(group: string, [first]: readonly [number, number]): boolean {
    const made = this.all.filter((one) => one.group === group);
    return made.length > 0 && made.every(({ from }) => from[1] + LIVES_MS <= first);
  }
  settle(): void {
    for (const one of this.all) {
      one.settled = true;
      if (one.withdrawn !== undefined) one.withdrawn.settled = true;
    }
  }
  /** Whether the platform may not have read something yet. */
  get isOpen(): boolean {
    return this.all.some(({ settled, withdrawn }) => settled !== true || withdrawn?.settled === false);
  }
}
