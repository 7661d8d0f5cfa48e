import type { Claims } from '../port.ts';
import { EmbeddedPart } from './database.ts';

const PURGE_EVERY = 1000;
/** With a condition on the claim that is there. */
const INSERT =
  'INSERT INTO claims VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET owner = excluded.owner, expires = excluded.expires';

/** Claims. An expired claim counts as absent, and purging only saves space. */
export class EmbeddedClaims extends EmbeddedPart implements Claims {
  #changes = 0;

  async claim(namespace: string, key: string, owner: string, expiresAt?: number): Promise<string> {
    return (await this.claimMany(namespace, [{ key, owner, ...(expiresAt !== undefined && { expiresAt }) }]))[0]!;
  }

  claimMany(
    namespace: string,
    entries: readonly { key: string; owner: string; expiresAt?: number }[],
  ): Promise<readonly string[]> {
    return this.db.change(() => {
      this.#purge();
      return entries.map(({ key, owner, expiresAt }) => {
        const taken = this.db.run(
          `${INSERT} WHERE owner = excluded.owner OR expires <= ?`,
          ...[namespace, key, owner, expiresAt ?? null, this.now()],
        );
        return taken > 0 ? owner : this.#holder(namespace, key)!;
      });
    });
  }

  insertOnce(namespace: string, key: string, expiresAt: number): Promise<boolean> {
    return this.db.change(() => {
      this.#purge();
      return this.db.run(`${INSERT} WHERE expires <= ?`, namespace, key, '', expiresAt, this.now()) > 0;
    });
  }

  async get(namespace: string, key: string): Promise<string | undefined> {
    return this.#holder(namespace, key);
  }

  release(namespace: string, key: string, owner: string): Promise<boolean> {
    return this.db.change(
      () =>
        this.db.run(
          'DELETE FROM claims WHERE namespace = ? AND key = ? AND owner = ? AND (expires IS NULL OR expires > ?)',
          namespace,
          key,
          owner,
          this.now(),
        ) > 0,
    );
  }

  #holder(namespace: string, key: string): string | undefined {
    return this.db.get<{ owner: string }>(
      'SELECT owner FROM claims WHERE namespace = ? AND key = ? AND (expires IS NULL OR expires > ?)',
      namespace,
      key,
      this.now(),
    )?.owner;
  }

  #purge(): void {
    if (this.#changes++ % PURGE_EVERY === 0) this.db.run('DELETE FROM claims WHERE expires <= ?', this.now());
  }
}
