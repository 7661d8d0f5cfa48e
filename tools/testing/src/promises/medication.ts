/**
 * The Medication of a sequence under one id: one that all members share, and a copy that belongs to the first member. A
 * client gets the copy if it may see that member, and the shared one otherwise, as if there were no other
 * (docs/reading.md).
 */
export class Medication {
  readonly id: string;
  readonly holder: string;
  /** The newest text of each. */
  readonly #texts = { shared: '', copy: '' };
  #versions = 0;

  constructor(name: string, holder: string) {
    this.id = `${name}-med`;
    this.holder = holder;
  }

  /** A newer version. Without a holder it is the shared one. */
  revise(copy: boolean): { readonly resource: object; readonly holder: string | undefined } {
    this.#versions += 1;
    const text = copy ? `version ${this.#versions} of ${this.holder}` : `version ${this.#versions} of everybody`;
    this.#texts[copy ? 'copy' : 'shared'] = text;
    const resource = { resourceType: 'Medication', id: this.id, code: { text } };
    return { resource, holder: copy ? this.holder : undefined };
  }
  /** The texts that a client may get when everything is settled. */
  texts(sees: { readonly may: boolean; readonly must: boolean }): readonly string[] {
    const { shared, copy } = this.#texts;
    return [...(sees.may ? [copy] : []), ...(sees.must ? [] : [shared])];
  }
}
