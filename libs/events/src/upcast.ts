import type { DomainEvent } from './envelope.ts';

/** Gives data of an older version of a type the meaning of the next: pure, total, no clock. */
export interface Upcaster {
  /** e.g. `payer.member-enrolled.v1` */
  readonly from: string;
  /** e.g. `payer.member-enrolled.v2` */
  readonly to: string;
  upcast(data: unknown): unknown;
}

const VERSIONED = /^(.+)\.v([1-9]\d*)$/;

/**
 * Brings events to the newest version that the given upcasters lead to; others pass as they are. Throws TypeError at
 * once for a step that is not from one version of a type to a higher one, or two steps from the same version.
 */
export function upcasting(upcasters: readonly Upcaster[]): (event: DomainEvent) => DomainEvent {
  const steps = new Map<string, Upcaster>();
  for (const step of upcasters) {
    const [, name, version] = VERSIONED.exec(step.from) ?? [];
    const [, next, higher] = VERSIONED.exec(step.to) ?? [];
    if (name === undefined || name !== next || Number(higher) <= Number(version))
      throw new TypeError(`${step.from} to ${step.to} is not a step to a higher version`);
    if (steps.has(step.from)) throw new TypeError(`two upcasters from ${step.from}`);
    steps.set(step.from, step);
  }
  return (event) => {
    let { type, data } = event;
    for (let step = steps.get(type); step !== undefined; step = steps.get(type))
      ({ type, data } = { type: step.to, data: step.upcast(data) });
    return type === event.type ? event : { ...event, type, data };
  };
}

/** Every published version that is not the newest has its step here. There is none yet. */
export const UPCASTERS: readonly Upcaster[] = [];
