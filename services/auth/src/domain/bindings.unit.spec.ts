import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { providersAt } from '@provider-access/domain/access';
import { encodeEvent, type ProviderKey } from '@provider-access/events';
import { ClientDetails } from '@provider-access/facts';
import { MAX_BINDINGS } from './bindings.ts';
import {
  type ClientCommand,
  type ClientDecision,
  type ClientEvent,
  type ClientState,
  decide,
  evolve,
} from './client.ts';

const START = Date.parse('2027-01-01T00:00:00.000Z');
const PROVIDERS: readonly ProviderKey[] = ['npi|1234567893', 'npi|1245319599', 'tin|123456789'];

/** How a release writes a decision. */
type Writer = (events: readonly ClientEvent[], before: ClientState | undefined) => readonly ClientEvent[];
const THIS_RELEASE: Writer = (events) => events;
/**
 * The next release writes each interval in an event of its own, and `bindings: []` in the approval (ADR 0129). The
 * approval comes first. Where an app has been approved before, a reader takes either order.
 */
const nextRelease =
  (intervalsFirst: boolean): Writer =>
  (events, before) =>
    events.flatMap((event) => {
      if (event.type !== 'pa.app-approved.v1') return [event];
      const { client, bindings = [] } = event.data;
      const intervals = bindings.map((each): ClientEvent => ({
        type: 'pa.binding-changed.v1',
        data: { client, ...each },
      }));
      const approval: ClientEvent = { ...event, data: { ...event.data, bindings: [] } };
      return intervalsFirst && before?.approved !== undefined ? [...intervals, approval] : [approval, ...intervals];
    });

/** An app, as the stream of auth and the facts have it, with a clock. */
class World {
  readonly details = new ClientDetails();
  now = START;
  state: ClientState | undefined;
  /** What a process of the release before decides by: the providers of the last approval. */
  former: readonly string[] = [];
  #version = 0;
  readonly #writes: Writer;

  constructor(writes: Writer = THIS_RELEASE) {
    this.#writes = writes;
    const keys = { jwks: { keys: [] }, registrationTokenHash: 'h', registeredAt: new Date(START).toISOString() };
    const app = { client: 'c1', name: 'App', scope: 'system/*.rs', contacts: [], npis: [], tins: [], ...keys };
    this.#take({ type: 'pa.app-registered.v1', data: app });
  }
  /** Decides at the clock, and reads what was decided. */
  decide(command: ClientCommand): ClientDecision {
    const bindings = this.details.get('c1')?.bindings ?? [];
    const decision = decide(command, this.state, { now: this.now, bindings });
    if (decision.ok) for (const event of this.#writes(decision.events, this.state)) this.#take(event);
    return decision;
  }
  /** An approval of the release before, which writes no intervals. */
  formerApproval(providers: readonly ProviderKey[]): void {
    const data = { client: 'c1', providers: [...providers], scope: 'system/*.rs', by: 'r' };
    this.#take({ type: 'pa.app-approved.v1', data });
  }
  bind(...providers: readonly ProviderKey[]): ClientDecision {
    const identifiers = providers.map((provider) => ({ provider, text: 'Contract' }));
    return this.decide({ kind: 'approve', by: 'r', reason: 'why', identifiers });
  }
  end(provider: ProviderKey, to?: number): ClientDecision {
    const at = to === undefined ? {} : { to };
    return this.decide({ kind: 'end-binding', by: 'r', provider, reason: 'contract-ended', ...at });
  }
  get bound(): readonly string[] {
    return this.state?.status === 'approved' ? providersAt(this.details.get('c1')!, this.now) : [];
  }
  #take(event: ClientEvent): void {
    this.#version += 1;
    const time = new Date(this.now).toISOString();
    const { type, data } = event;
    const encoded = encodeEvent({ id: `c1/${this.#version}`, source: 'urn:test', type, subject: 'c1', time, data });
    const place = { topic: 'pa.registry', partition: 0, offset: this.#version, timestamp: this.now };
    this.details.evolve(type, { ...place, ...encoded, headers: { ...encoded.headers } } as never);
    this.state = evolve(this.state, event);
    if (type === 'pa.app-approved.v1') this.former = data.providers;
    else if (type !== 'pa.app-registered.v1' && type !== 'pa.binding-changed.v1') this.former = [];
  }
}

type Step =
  | { readonly kind: 'bind'; readonly providers: readonly ProviderKey[] }
  | { readonly kind: 'former'; readonly providers: readonly ProviderKey[] }
  | { readonly kind: 'again' }
  | { readonly kind: 'suspend' }
  | { readonly kind: 'end'; readonly provider: ProviderKey; readonly inMs?: number | undefined };
const some = fc.subarray([...PROVIDERS], { minLength: 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('bind'), providers: some }),
  fc.record({ kind: fc.constant('former'), providers: some }),
  fc.record({ kind: fc.constant('again') }),
  fc.record({ kind: fc.constant('suspend') }),
  fc.record({
    kind: fc.constant('end'),
    provider: fc.constantFrom(...PROVIDERS),
    inMs: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
  }),
);

/** The rules P1 to P6 by hand: until when each provider is bound. A suspension keeps the ends for later. */
class ByHand {
  status = 'submitted';
  readonly ends = new Map<string, number>();
  apply(one: Step, now: number): void {
    for (const [provider, end] of this.ends) if (end <= now) this.ends.delete(provider);
    if (one.kind === 'suspend') {
      if (this.status === 'approved') this.status = 'suspended';
    } else if (one.kind === 'end') {
      const end = this.ends.get(one.provider);
      const to = now + (one.inMs ?? 0);
      if (this.status === 'approved' && end !== undefined && to <= end) this.ends.set(one.provider, to);
    } else if (one.kind === 'again') {
      if (this.ends.size > 0) this.status = 'approved';
    } else {
      // What an approval names has no end any more.
      this.ends.clear();
      for (const provider of one.providers) this.ends.set(provider, Infinity);
      this.status = 'approved';
    }
  }
  boundAt(now: number): readonly string[] {
    return this.status === 'approved'
      ? [...this.ends].filter(([, end]) => now < end).map(([provider]) => provider)
      : [];
  }
}

describe('bindings, whatever reviewers do and whichever release decides', () => {
  const take = (world: World, one: Step): void => {
    if (one.kind === 'bind') world.bind(...one.providers);
    else if (one.kind === 'former') world.formerApproval(one.providers);
    else if (one.kind === 'suspend') world.decide({ kind: 'suspend', by: 'r', reason: 'key-compromised' });
    else if (one.kind === 'again') world.decide({ kind: 'approve', by: 'r', reason: 'why' });
    else world.end(one.provider, one.inMs === undefined ? undefined : world.now + one.inMs);
  };
  const steps = fc.array(fc.tuple(step, fc.integer({ min: 1, max: 8 })), { maxLength: 14 });
  it.each([
    ['this release', THIS_RELEASE],
    ['the next release', nextRelease(false)],
    ['the next release, intervals first', nextRelease(true)],
  ])(
    'are those of the rules at each instant, and P4 a process of the release before never permits more: %s',
    (_, writer) => {
      fc.assert(
        fc.property(steps, (all) => {
          const world = new World(writer);
          const byHand = new ByHand();
          for (const [one, wait] of all) {
            byHand.apply(one, world.now);
            take(world, one);
            for (let i = 0; i < wait; i++) {
              expect([...world.bound].sort()).toEqual([...byHand.boundAt(world.now)].sort());
              expect(world.bound).toEqual(expect.arrayContaining([...world.former]));
              world.now += 1;
            }
          }
        }),
        { numRuns: 1000 },
      );
    },
  );

  it('are the same, with evidence, reasons and the state of the stream, as events of their own', () => {
    fc.assert(
      fc.property(steps, fc.boolean(), (all, intervalsFirst) => {
        const [now, next] = [new World(), new World(nextRelease(intervalsFirst))];
        for (const [one, wait] of all) {
          for (const world of [now, next]) {
            take(world, one);
            world.now += wait;
          }
          expect(next.details.get('c1')).toEqual(now.details.get('c1'));
          expect(next.state).toEqual(now.state);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('are never written as events of their own by this release, because the one before would stop', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const types = new Set<string>();
        const world = new World((events) => {
          for (const { type } of events) types.add(type);
          return events;
        });
        for (const [one] of all) take(world, one);
        expect(types).not.toContain('pa.binding-changed.v1');
      }),
    );
  });

  it('10,000 of one app can still end, and no more can begin', () => {
    const world = new World();
    const npi = (n: number): ProviderKey => `npi|${n}`;
    // A hundred at once, a hundred times: each approval ends those of the one before.
    for (let i = 0; i < MAX_BINDINGS / 100; i++) {
      world.now += 1;
      expect(world.bind(...Array.from({ length: 100 }, (_, n) => npi(i * 100 + n)))).toMatchObject({ ok: true });
    }
    expect(world.details.get('c1')!.bindings.length).toBe(MAX_BINDINGS);
    world.now += 1;
    expect(world.bind(npi(1))).toEqual({
      ok: false,
      fault: 'conflict',
      text: expect.stringMatching(/^An app has at most 10000 bindings/),
    });
    expect(world.end(npi(MAX_BINDINGS - 1))).toMatchObject({ ok: true });
    expect(world.bound.length).toBe(99);
    expect(world.bind(npi(MAX_BINDINGS - 2))).toMatchObject({ ok: true });
    expect(world.bound).toEqual([npi(MAX_BINDINGS - 2)]);
  });
});
