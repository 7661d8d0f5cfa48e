interface Sent {
  readonly member: string;
  /** The day on which it was sent. */
  readonly day: string;
  settled?: boolean;
}
const HOUR = 3_600_000;

/** Who has got a notice (docs/notices.md, "Hold data until the first notice"). */
export class Notices {
  readonly sent: Sent[] = [];
  readonly returned: Sent[] = [];

  /**
   * Whether one of the ids of a person may, or must, have got a notice that has not come back.
   *
   * @param now the earliest and the latest present, ms since the epoch
   */
  told(person: ReadonlySet<string>, lean: 'may' | 'must', [first, last]: readonly [number, number]): boolean {
    const surely = lean === 'must';
    return this.sent.some(
      (notice) =>
        person.has(notice.member) &&
        (!surely || notice.settled === true) &&
        // Without time zones, a day that gives access begins in UTC-12.
        Date.parse(notice.day) + 12 * HOUR <= (surely ? first : last) &&
        !this.returned.some(
          (back) => back.member === notice.member && back.day === notice.day && (surely || back.settled === true),
        ),
    );
  }
}
