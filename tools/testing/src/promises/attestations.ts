/** What a provider attested for its app about one member, and what became of it (MATCH.md). */
export interface Attestation {
  readonly member: string;
  readonly client: number;
  /** The Group of the result. It belongs to the app (M70). */
  readonly group: string;
  /** Its expiry (M71). Both are ms since the epoch. */
  readonly from: number;
  readonly to: number;
  settled?: boolean;
  /** The provider withdrew it (M19). */
  withdrawn?: { settled?: boolean };
}

/**
 * The second ground beside an attribution, written from MATCH.md (M19, M36, M70, M71, M73): an attestation opens a
 * member to one app, until it expires or is withdrawn. Everything else that decides stays: opt-outs (M72), coverage,
 * the network (M31), and whether the app is approved.
 */
export class Attestations {
  readonly all: Attestation[] = [];

  /** @param now the earliest and the latest present, ms since the epoch */
  stands(member: string, client: number, lean: 'may' | 'must', [first, last]: readonly [number, number]): boolean {
    const stated = this.all.filter((one) => one.member === member && one.client === client);
    return lean === 'may'
      ? stated.some(({ from, to, withdrawn }) => withdrawn?.settled !== true && from <= last && first < to)
      : stated.some(
          ({ from, to, settled, withdrawn }) =>
            settled === true && withdrawn === undefined && from <= first && last < to,
        );
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
