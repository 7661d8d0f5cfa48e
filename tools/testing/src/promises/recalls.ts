/** A version of the first Condition of a member, by the text that no other version has. */
interface Version {
  readonly member: string;
  readonly text: string;
  recalled?: true;
  /** Every process has handled the recall. Before that, the version may still be released. */
  settled?: boolean;
}

/** What was recalled (docs/when-something-was-wrong.md): no answer and no file releases it, also if it is older. */
export class Recalls {
  readonly versions: Version[] = [];

  revise(member: string, text: string): void {
    this.versions.push({ member, text });
  }
  recall(member: string): void {
    for (const version of this.versions) if (version.member === member) version.recalled = true;
  }
  settle(): void {
    for (const version of this.versions) if (version.recalled === true) version.settled = true;
  }
  /** Whether the newest version of the member was recalled, and nothing came after it. */
  isGone(member: string): boolean {
    return this.versions.findLast((version) => version.member === member)?.recalled === true;
  }
  /** The recalled version that a text of the platform has; undefined if it has none. */
  foundIn(text: string): string | undefined {
    return this.versions.find((version) => version.settled === true && text.includes(`"${version.text}"`))?.text;
  }
}
