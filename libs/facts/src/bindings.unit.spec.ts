import { describe, expect, it } from 'vitest';
import { bindingEnd, providersAt } from '@provider-access/domain/access';
import { encodeEvent, PA_REGISTRY, type ProviderKey } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { ClientDetails } from './client-details.ts';
import { Registrations } from './registrations.ts';

const NPI = 'npi|1234567893';
const SECOND = 'npi|1245319599';
const TIN = 'tin|123456789';
const at = (hour: number): string => new Date(Date.UTC(2026, 0, 1, hour)).toISOString();
const ms = (hour: number): number => Date.parse(at(hour));

/** The registry after events of one app, each at an hour. */
class World {
  readonly details = new ClientDetails();
  readonly registry = new Registrations(this.details);
  /** The app whose access the last event changed. */
  changed: string | undefined;
  #version = 0;

  say(hour: number, type: string, data: object): this {
    const event = { id: `c1/${++this.#version}`, source: 'urn:test', type, subject: 'c1', time: at(hour) };
    const { key, value, headers } = encodeEvent({ ...event, data: { client: 'c1', by: 'x', ...data } });
    const more = { ...headers, pa_stream: 'client/c1', pa_version: String(this.#version) };
    const place = { topic: PA_REGISTRY, partition: 0, offset: this.#version };
    this.changed = this.registry.evolve({
      ...place,
      key,
      value,
      headers: more,
      timestamp: ms(hour),
    } as unknown as LogRecord);
    return this;
  }
  registered(): this {
    const keys = { jwks: { keys: [] }, registrationTokenHash: 'h', registeredAt: at(0) };
    return this.say(0, 'pa.app-registered.v1', { name: 'App', npis: [], tins: [], contacts: [], scope: '', ...keys });
  }
  /** As an earlier release writes it, or with intervals. */
  approved(hour: number, providers: readonly ProviderKey[], more: object = {}): this {
    return this.say(hour, 'pa.app-approved.v1', { providers, scope: 'system/*.rs', ...more });
  }
  suspended(hour: number): this {
    return this.say(hour, 'pa.app-suspended.v1', { reason: 'key-compromised' });
  }
  /** The intervals as hours: [provider, from, to]. */
  get intervals(): readonly (readonly [string, number, number?])[] {
    const hour = (instant: number): number => (instant - ms(0)) / 3_600_000;
    return this.registry.get('c1')!.bindings.map((each) => {
      const end = bindingEnd(each);
      return [each.provider, hour(Date.parse(each.from)), ...(Number.isFinite(end) ? [hour(end)] : [])] as [
        string,
        number,
        number?,
      ];
    });
  }
  boundAt(hour: number): readonly string[] {
    return providersAt(this.registry.get('c1')!, ms(hour));
  }
}

describe('P5 approvals of earlier releases', () => {
  it('begin a binding at the approval, and not before', () => {
    const world = new World().registered().approved(2, [NPI]);
    expect(world.intervals).toEqual([[NPI, 2]]);
    expect(world.boundAt(1)).toEqual([]);
  });

  it('keep the interval of what the next approval names too, and end what it leaves out', () => {
    const world = new World().registered().approved(2, [NPI, TIN]).approved(4, [NPI, SECOND]);
    expect(world.intervals).toEqual([
      [NPI, 2],
      [TIN, 2, 4],
      [SECOND, 4],
    ]);
  });

  it('keep who bound it, by which evidence', () => {
    const evidence = [{ provider: NPI, text: 'contract 7' }];
    const { details } = new World().registered().approved(2, [NPI], { evidence, reason: 'new vendor' });
    const bound = { by: 'x', evidence: 'contract 7', reason: 'new vendor' };
    expect(details.get('c1')!.bindings).toEqual([{ provider: NPI, from: at(2), recordedAt: at(2), ...bound }]);
  });
});

describe('P6 an app that was suspended and is approved again', () => {
  it('has new intervals, and those from before end with the suspension', () => {
    const world = new World().registered().approved(2, [NPI, TIN]).suspended(3).approved(5, [NPI]);
    expect(world.intervals).toEqual([
      [NPI, 2, 3],
      [TIN, 2, 3],
      [NPI, 5],
    ]);
  });
});

describe('P1 intervals in an approval', () => {
  const from = (provider: ProviderKey, hour: number, to?: number) => ({
    provider,
    from: at(hour),
    ...(to !== undefined && { to: at(to) }),
    by: 'x',
    evidence: 'contract 7',
  });

  it('begin and end one by one', () => {
    const world = new World()
      .registered()
      .approved(2, [NPI, SECOND], { bindings: [from(NPI, 2), from(SECOND, 2)] })
      .approved(4, [SECOND], { bindings: [from(NPI, 2, 4)], ended: NPI, reason: 'contract-ended' });
    expect(world.intervals).toEqual([
      [NPI, 2, 4],
      [SECOND, 2],
    ]);
    expect(world.registry.get('c1')!.history.at(-1)).toMatchObject({ status: 'approved', ended: NPI });
  });

  it('P4 count where an earlier release reads less', () => {
    const world = new World().registered().approved(2, [], { bindings: [from(NPI, 2, 6)] });
    expect([world.boundAt(2), world.boundAt(5), world.boundAt(6)]).toEqual([[NPI], [NPI], []]);
  });

  it('end with an approval of an earlier release that leaves them out', () => {
    const world = new World()
      .registered()
      .approved(2, [NPI], { bindings: [from(NPI, 2), from(SECOND, 2, 9)] })
      .approved(4, [NPI, TIN]);
    expect(world.intervals).toEqual([
      [NPI, 2],
      [SECOND, 2, 4],
      [TIN, 4],
    ]);
  });

  it('P4 have no end any more when an earlier release, which knows none, names the provider', () => {
    const world = new World()
      .registered()
      .approved(2, [], { bindings: [from(NPI, 2, 9)] })
      .approved(4, [NPI]);
    expect(world.intervals).toEqual([
      [NPI, 2, 4],
      [NPI, 4],
    ]);
  });

  it('leave nothing of what only reviewers need in the facts of decisions', () => {
    const world = new World().registered().approved(2, [NPI], { bindings: [from(NPI, 2)] });
    expect(JSON.stringify(world.registry.get('c1')!.bindings)).not.toContain('contract 7');
    expect(world.details.get('c1')!.bindings[0]).toMatchObject({ evidence: 'contract 7', by: 'x' });
  });

  it('P3 stay ended for a process that decided after the end, when its clock steps back', () => {
    const world = new World().registered().approved(2, [], { bindings: [from(NPI, 2, 6)] });
    world.registry.decidesAt(ms(5));
    expect(world.boundAt(5)).toEqual([NPI]);
    world.registry.decidesAt(ms(6));
    expect(world.boundAt(5)).toEqual([]);
  });

  it('P3 stay ended when an earlier end is stated after a later one has passed', () => {
    const both = { bindings: [from(NPI, 2), from(SECOND, 2, 6)] };
    const world = new World().registered().approved(2, [NPI], both);
    world.registry.decidesAt(ms(6));
    // The clock of the process that ends the binding is behind.
    world.approved(3, [], { bindings: [from(NPI, 2, 4)], ended: NPI });
    world.registry.decidesAt(ms(5));
    expect(world.boundAt(5)).toEqual([]);
  });
});

describe('P1 pa.binding-changed.v1, which BINDING_EVENTS writes', () => {
  const changed = (hour: number, to?: number) => ({
    provider: NPI,
    from: at(hour),
    ...(to !== undefined && { to: at(to) }),
    evidence: 'contract 7',
  });
  const approved = (): World => new World().registered().approved(2, [NPI], { bindings: [] });

  it('begins and ends an interval beside an approval, and says that the access of the app changed', () => {
    const world = approved();
    expect(world.boundAt(2)).toEqual([]);
    world.say(2, 'pa.binding-changed.v1', changed(2));
    expect([world.intervals, world.changed]).toEqual([[[NPI, 2]], 'c1']);
    world.say(4, 'pa.binding-changed.v1', changed(2, 4));
    expect([world.intervals, world.boundAt(4)]).toEqual([[[NPI, 2, 4]], []]);
  });

  it('has an end in the future pass by the clock, and stay passed', () => {
    const world = approved().say(2, 'pa.binding-changed.v1', changed(2, 6));
    world.registry.decidesAt(ms(6));
    expect(world.boundAt(5)).toEqual([]);
  });

  it('leaves nothing of what only reviewers need in the facts of decisions', () => {
    const world = approved().say(2, 'pa.binding-changed.v1', changed(2));
    expect(JSON.stringify(world.registry.get('c1')!.bindings)).not.toContain('contract 7');
    expect(world.details.get('c1')!.bindings[0]).toMatchObject({ evidence: 'contract 7', by: 'x' });
  });

  it('gives nothing to an app that was never approved', () => {
    const world = new World().registered().say(2, 'pa.binding-changed.v1', changed(2));
    expect([world.registry.get('c1'), world.details.get('c1')!.bindings]).toEqual([undefined, []]);
    expect(world.approved(3, [], { bindings: [] }).intervals).toEqual([]);
  });

  it('is not ended by a suspension from before it, and does not lift one', () => {
    const world = approved().suspended(3).say(5, 'pa.binding-changed.v1', changed(5));
    expect(world.registry.get('c1')!.status).toBe('suspended');
    expect(world.approved(5, [NPI], { bindings: [] }).intervals).toEqual([[NPI, 5]]);
  });
});

describe('the apps of a provider', () => {
  it('are found among thousands without a look at the others, also after an end and a new approval', () => {
    const registry = new Registrations();
    const say = (client: string, version: number, type: string, data: object): void => {
      const event = { id: `${client}/${version}`, source: 'urn:test', type, subject: client, time: at(version) };
      const { key, value, headers } = encodeEvent({ ...event, data: { client, by: 'x', ...data } });
      const more = { ...headers, pa_stream: `client/${client}`, pa_version: String(version) };
      const record = { topic: PA_REGISTRY, partition: 0, offset: version, key, value, headers: more };
      registry.evolve({ ...record, timestamp: ms(version) } as unknown as LogRecord);
    };
    const approve = (client: string, version: number, ...providers: readonly ProviderKey[]): void =>
      say(client, version, 'pa.app-approved.v1', { providers, scope: 'system/*.rs' });
    for (let n = 0; n < 3000; n += 1) approve(`c-${n}`, 1, `npi|${n}`);
    approve('c-first', 1, NPI, TIN);
    approve('c-second', 1, NPI);
    let looked = 0;
    for (const client of registry.ids()) {
      const facts = registry.get(client)!;
      const { bindings } = facts;
      Object.defineProperty(facts, 'bindings', { get: () => ((looked += 1), bindings), enumerable: true });
    }
    const boundTo = (provider: ProviderKey, hour: number): readonly string[] =>
      registry.boundTo(provider, ms(hour)).map(({ client }) => client);
    expect(boundTo(NPI, 2)).toEqual(['c-first', 'c-second']);
    expect(boundTo('npi|7', 2)).toEqual(['c-7']);
    expect(boundTo(SECOND, 2)).toEqual([]);
    expect(looked).toBeLessThanOrEqual(3);
    approve('c-first', 3, TIN, SECOND);
    expect([boundTo(NPI, 4), boundTo(SECOND, 4), boundTo(TIN, 4)]).toEqual([['c-second'], ['c-first'], ['c-first']]);
    say('c-second', 5, 'pa.app-revoked.v1', { reason: 'key-compromised' });
    expect(boundTo(NPI, 6)).toEqual([]);
    approve('c-first', 7, NPI);
    expect(boundTo(NPI, 8)).toEqual(['c-first']);
  });
});
