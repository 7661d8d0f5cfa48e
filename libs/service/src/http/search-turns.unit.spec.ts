import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';

import { SearchTurns } from './search-turns.ts';

/** A response, whose client takes the answer when the test says so. */
class Response extends EventEmitter {
  destroyed = false;
  writableFinished = false;
  readonly socket = new Socket();
  readonly req = { socket: this.socket };
  taken(): void {
    this.writableFinished = true;
    this.emit('finish');
    this.emit('close');
  }
  cut(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

/** Searches that end when the test says so. */
class World {
  readonly turns = new SearchTurns();
  readonly begun: string[] = [];
  readonly refused: unknown[] = [];
  readonly #ends = new Map<string, () => void>();
  readonly #made = new Map<string, (bytes: number) => void>();
  readonly responses = new Map<string, Response>();

  async ask(client: string, name: string): Promise<void> {
    const response = new Response();
    this.responses.set(name, response);
    void this.turns
      .take(client, response as unknown as ServerResponse, (made) => {
        this.begun.push(name);
        this.#made.set(name, made);
        return new Promise((resolve) => this.#ends.set(name, resolve));
      })
      .catch((error: unknown) => this.refused.push(error));
    await settled();
  }
  /** The answer is in memory, and waits for the audit. */
  async made(name: string, bytes: number): Promise<void> {
    this.#made.get(name)!(bytes);
    await settled();
  }
  /** The search is answered. */
  async end(name: string): Promise<void> {
    this.#ends.get(name)!();
    await settled();
  }
  /** The search is answered, and the client takes the answer. */
  async finish(name: string): Promise<void> {
    await this.end(name);
    this.responses.get(name)!.taken();
    await settled();
  }
}
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

// N1
describe('the searches of a process', () => {
  it('of one client are two at a time, and the others follow in their order', async () => {
    const world = new World();
    for (let i = 0; i < 16; i++) await world.ask('a', `a${i}`);
    expect(world.begun).toEqual(['a0', 'a1']);
    for (let i = 0; i < 16; i++) await world.finish(`a${i}`);
    expect(world.begun).toEqual(Array.from({ length: 16 }, (_, i) => `a${i}`));
    expect(world.refused).toEqual([]);
  });

  it('of one client leave room for those of others', async () => {
    const world = new World();
    for (let i = 0; i < 60; i++) await world.ask('a', `a${i}`);
    await world.ask('b', 'b0');
    expect(world.begun).toEqual(['a0', 'a1', 'b0']);
  });

  it('begin in rounds over the clients when all places are taken', async () => {
    const world = new World();
    for (let client = 0; client < 16; client++)
      for (let i = 0; i < 2; i++) await world.ask(`full${client}`, `full${client}-${i}`);
    expect(world.begun).toHaveLength(32);
    for (let i = 0; i < 3; i++) await world.ask('a', `a${i}`);
    await world.ask('b', 'b0');
    await world.ask('c', 'c0');
    expect(world.begun).toHaveLength(32);
    for (let client = 0; client < 5; client++) await world.finish(`full${client}-0`);
    expect(world.begun.slice(32)).toEqual(['a0', 'b0', 'c0', 'a1']);
    await world.finish('a0');
    expect(world.begun.slice(36)).toEqual(['a2']);
  });

  it('of one client that wait are at most 64: the next one gets 429 with Retry-After', async () => {
    const world = new World();
    for (let i = 0; i < 2 + 64; i++) await world.ask('a', `a${i}`);
    expect(world.refused).toEqual([]);
    await world.ask('a', 'more');
    expect(world.refused).toMatchObject([{ kind: 'too-many-requests', status: 429, retryAfter: 1 }]);
    await world.ask('b', 'b0');
    expect(world.begun).toEqual(['a0', 'a1', 'b0']);
    await world.finish('a0');
    await world.ask('a', 'again');
    expect(world.refused).toHaveLength(1);
  });

  it('whose connection is closed while they wait never begin, and make room for others', async () => {
    const world = new World();
    for (let i = 0; i < 2 + 64; i++) await world.ask('a', `a${i}`);
    for (let i = 2; i < 66; i++) world.responses.get(`a${i}`)!.cut();
    await world.ask('a', 'next');
    expect(world.refused).toEqual([]);
    await world.finish('a0');
    expect(world.begun).toEqual(['a0', 'a1', 'next']);
  });

  it('whose connection is closed before they wait never begin', async () => {
    const world = new World();
    const response = new Response();
    response.cut();
    await world.turns.take('a', response as unknown as ServerResponse, async () => void world.begun.push('a0'));
    expect(world.begun).toEqual([]);
  });

  it('keep their place until the client has taken the answer, and not for ever', async () => {
    const world = new World();
    for (let i = 0; i < 4; i++) await world.ask('a', `a${i}`);
    await world.end('a0');
    await world.end('a1');
    expect(world.begun).toEqual(['a0', 'a1']);
    expect(world.responses.get('a0')!.socket.timeout).toBe(60_000);
    await world.ask('b', 'b0');
    expect(world.begun).toEqual(['a0', 'a1', 'b0']);
    world.responses.get('a0')!.taken();
    world.responses.get('a1')!.cut();
    await settled();
    expect(world.begun).toEqual(['a0', 'a1', 'b0', 'a2', 'a3']);
  });

  it('give their place back when a small answer waits for the audit, and not for a large one', async () => {
    const world = new World();
    for (let i = 0; i < 5; i++) await world.ask('a', `a${i}`);
    await world.made('a0', 512 * 1024);
    await world.made('a0', 512 * 1024);
    await world.made('a1', 512 * 1024 + 1);
    expect(world.begun).toEqual(['a0', 'a1', 'a2']);
    await world.finish('a0');
    expect(world.begun).toEqual(['a0', 'a1', 'a2']);
    await world.finish('a1');
    await world.finish('a2');
    expect(world.begun).toEqual(['a0', 'a1', 'a2', 'a3', 'a4']);
  });

  it('keep at most 16 small answers of a client in memory, and make room as the client takes them', async () => {
    const world = new World();
    for (let i = 0; i < 24; i++) await world.ask('a', `a${i}`);
    for (let i = 0; i < 18; i++) await world.made(`a${i}`, 1);
    for (let i = 0; i < 18; i++) await world.end(`a${i}`);
    expect(world.begun).toHaveLength(18);
    expect(world.responses.get('a0')!.socket.timeout).toBe(60_000);
    await world.ask('b', 'b0');
    expect(world.begun.at(-1)).toBe('b0');
    // A search that was answered while there was no room has a place until its client takes the answer.
    world.responses.get('a0')!.taken();
    world.responses.get('a1')!.cut();
    await settled();
    expect(world.begun).toHaveLength(19);
    world.responses.get('a16')!.taken();
    world.responses.get('a17')!.taken();
    await settled();
    expect(world.begun).toHaveLength(21);
    for (const name of ['a18', 'a19']) await world.made(name, 1);
    expect(world.begun).toHaveLength(23);
  });

  it('leave room for 32 of all clients when small answers wait', async () => {
    const world = new World();
    for (let client = 0; client < 17; client++)
      for (let i = 0; i < 4; i++) await world.ask(`c${client}`, `c${client}-${i}`);
    expect(world.begun).toHaveLength(32);
    await world.made('c0-0', 1);
    expect(world.begun).toHaveLength(33);
    await world.finish('c0-0');
    expect(world.begun).toHaveLength(33);
  });

  it('that fail after their answer was made give it back once', async () => {
    const { turns } = new World();
    const fails = (): Promise<void> =>
      turns.take('a', new Response() as unknown as ServerResponse, async (made) => {
        made(1);
        throw new Error('failed');
      });
    for (let i = 0; i < 40; i++) await expect(fails()).rejects.toThrow('failed');
    const begun: number[] = [];
    for (let i = 0; i < 3; i++)
      void turns.take('a', new Response() as unknown as ServerResponse, () => {
        begun.push(i);
        return new Promise(() => undefined);
      });
    await settled();
    expect(begun).toEqual([0, 1]);
  });

  it('that fail give their place back', async () => {
    const { turns } = new World();
    const fails = (): Promise<void> =>
      turns.take('a', new Response() as unknown as ServerResponse, () => Promise.reject(new Error('failed')));
    for (let i = 0; i < 40; i++) await expect(fails()).rejects.toThrow('failed');
  });
});
