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
  withBindingEvents,
} from './client.ts';

const START = Date.parse('2027-01-01T00:00:00.000Z');
const PROVIDERS: readonly ProviderKey[] = ['npi|1234567893', 'npi|1245319599', 'tin|123456789'];

/** How a decision is written. `before`: the state of the stream. */
type Writer = (events: readonly ClientEvent[], before: ClientState | undefined) => readonly ClientEvent[];
/** As without BINDING_EVENTS. */
const inApproval: Writer = (events) => events;
/** As with BINDING_EVENTS: each interval is an event of its own, behind its approval (ADR 0129). */
const ofTheirOwn: Writer = (events) => withBindingEvents(events);
/** Where an app has been approved before, a reader takes the intervals before the approval too. */
const intervalsFirst: Writer = (events, before) => {
  const written = withBindingEvents(events);
  if (before?.approved === undefined) return written;
  const rank = ({ type }: ClientEvent): number => (type === 'pa.binding-changed.v1' ? 0 : 1);
  return written.toSorted((a, b) => rank(a) - rank(b));
};
/** One process has the setting and another one does not: they decide in turn. */
const mixed = (): Writer => {
  let decisions = 0;
  return (events) => ((decisions += 1) % 2 === 0 ? events : withBindingEvents(events));
};

/** An app, as the stream of auth and the facts have it, with a clock. */
class World {
  readonly details = new ClientDetails();
  now = START;
  state: ClientState | undefined;
  /** What a process of the release before decides by: the providers of the last approval. */
  former: readonly string[] = [];
  #version = 0;
  readonly #writes: Writer;

  constructor(writes: Writer = inApproval) {
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

describe('bindings, whatever reviewers do and whichever way they are written', () => {
  const take = (world: World, one: Step): void => {
    if (one.kind === 'bind') world.bind(...one.providers);
    else if (one.kind === 'former') world.formerApproval(one.providers);
    else if (one.kind === 'suspend') world.decide({ kind: 'suspend', by: 'r', reason: 'key-compromised' });
    else if (one.kind === 'again') world.decide({ kind: 'approve', by: 'r', reason: 'why' });
    else world.end(one.provider, one.inMs === undefined ? undefined : world.now + one.inMs);
  };
  const steps = fc.array(fc.tuple(step, fc.integer({ min: 1, max: 8 })), { maxLength: 14 });
  it.each([
    ['in approvals', () => inApproval],
    ['in events of their own', () => ofTheirOwn],
    ['in events of their own, before the approval', () => intervalsFirst],
    ['in one form and in the other', mixed],
  ])(
    'are those of the rules at each instant, and P4 a process of the release before never permits more: %s',
    (_, writerOf) => {
      fc.assert(
        fc.property(steps, (all) => {
          const world = new World(writerOf());
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
        { numRuns: 500 },
      );
    },
  );

  it('are the same, with evidence, reasons and the state of the stream, as events of their own', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const now = new World();
        const others = [ofTheirOwn, intervalsFirst, mixed()].map((writer) => new World(writer));
        for (const [one, wait] of all) {
          for (const world of [now, ...others]) {
            take(world, one);
            world.now += wait;
          }
          for (const other of others) {
            expect(other.details.get('c1')).toEqual(now.details.get('c1'));
            expect(other.state).toEqual(now.state);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('are in events of their own behind an approval that states none, and each exactly once', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const world = new World((events) => {
          const written = withBindingEvents(events);
          const stated = (of: readonly ClientEvent[]) =>
            of.flatMap(({ type, data }) => (type === 'pa.app-approved.v1' ? (data.bindings ?? []) : []));
          const own = (of: readonly ClientEvent[]) =>
            of.flatMap(({ type, data }) => (type === 'pa.binding-changed.v1' ? [data] : []));
          expect(stated(written)).toEqual([]);
          expect(own(written)).toEqual(stated(events).map((each) => ({ client: 'c1', ...each })));
          expect(written[0]?.type).toBe(events[0]?.type);
          // A process of 0.2.0 stops in front of the event, so only the setting may write it.
          expect(own(events)).toEqual([]);
          return events;
        });
        for (const [one] of all) take(world, one);
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
