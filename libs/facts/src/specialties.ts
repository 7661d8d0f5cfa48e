import { type DirectoryEntryRecorded, type ProviderKey, dataOf } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';

/**
 * The specialties of providers, and who is not active, from the entries of the payer's directory in `pa.directory`.
 * Roles and their parties come in any order, and each entry replaces an earlier one of the same resource.
 */
export class Specialties {
  readonly #entries = new Map<string, DirectoryEntryRecorded>();
  /** Roles by the resource or the identifier that they name. */
  readonly #roles = new Map<string, Set<string>>();
  /** Resources by identifier. */
  readonly #resources = new Map<string, Set<string>>();
  /** The identifiers of parties that are not active, or of which the newest entry cannot be read, by resource. */
  readonly #inactive = new Map<string, readonly ProviderKey[]>();
  /** Until the next entry, because a large organization may have thousands of roles. */
  readonly #known = new Map<ProviderKey, readonly string[]>();

  evolve(record: LogRecord): void {
    const next = dataOf<DirectoryEntryRecorded>(record);
    const before = this.#entries.get(next.entry);
    if (before !== undefined && before.businessTime > next.businessTime) return;
    if (before !== undefined) this.#index(before, (set) => set.delete(before.entry));
    this.#entries.set(next.entry, next);
    this.#index(next, (set) => set.add(next.entry));
    if (next.active === false) this.#inactive.set(next.entry, next.providers);
    else this.#inactive.delete(next.entry);
    this.#known.clear();
  }

  /**
   * Forgets a resource of which an entry cannot be read, so that its providers have no specialty from it. A party
   * counts as not active.
   */
  forget(entry: string): void {
    const before = this.#entries.get(entry);
    if (before === undefined) return;
    this.#index(before, (set) => set.delete(entry));
    this.#entries.delete(entry);
    if (before.specialties === undefined) this.#inactive.set(entry, before.providers);
    this.#known.clear();
  }

  /** The business time of the newest entry of a resource. */
  newest(entry: string): string | undefined {
    return this.#entries.get(entry)?.businessTime;
  }

  /** Codes of the NUCC taxonomy; [] if the directory has none. */
  of(provider: ProviderKey): readonly string[] {
    let codes = this.#known.get(provider);
    if (codes === undefined) {
      const names = [provider, ...(this.#resources.get(provider) ?? [])];
      const roles = new Set(names.flatMap((name) => [...(this.#roles.get(name) ?? [])]));
      codes = [...new Set([...roles].flatMap((role) => this.#entries.get(role)?.specialties ?? []))];
      this.#known.set(provider, codes);
    }
    return codes;
  }

  /** Whether an entry says that the provider is not active, and no other one has it as active. */
  deactivated(provider: ProviderKey): boolean {
    const isInactive = [...this.#inactive.values()].some((providers) => providers.includes(provider));
    return isInactive && ![...(this.#resources.get(provider) ?? [])].some((entry) => !this.#inactive.has(entry));
  }

  #index({ specialties, of = [], providers }: DirectoryEntryRecorded, change: (set: Set<string>) => void): void {
    const isRole = specialties !== undefined;
    const names: readonly string[] = isRole ? [...of, ...providers] : providers;
    const index = isRole ? this.#roles : this.#resources;
    for (const name of names) {
      let set = index.get(name);
      if (set === undefined) index.set(name, (set = new Set()));
      change(set);
      if (set.size === 0) index.delete(name);
    }
  }
}
