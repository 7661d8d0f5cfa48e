import { idOf, OverEngine } from './engine.ts';
import type { Presence, Present } from './port.ts';

export class StoredPresence extends OverEngine implements Presence {
  async announce(group: string, holder: string, data: unknown, ttlMs: number): Promise<void> {
    const expires = this.engine.clock.now() + ttlMs;
    const text = JSON.stringify(data ?? null);
    await this.engine.put('presence', { _id: idOf(group, holder), group, holder, data: text, expires }, {});
  }

  async list(group: string): Promise<readonly Present[]> {
    const { clock } = this.engine;
    const found = await this.engine.scan('presence', { group, expires: { gt: clock.now() } }, { order: 'holder' });
    return found.map(({ holder, data, expires }) => ({
      holder,
      data: JSON.parse(data) as unknown,
      expiresAt: clock.toCaller(expires),
    }));
  }

  async leave(group: string, holder: string): Promise<void> {
    await this.engine.delete('presence', { _id: idOf(group, holder) });
  }
}
