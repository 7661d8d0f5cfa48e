import { ENGINE } from './declarations/engine.ts';
import { EVENT } from './declarations/event.ts';
import { INTAKE_STAGES } from './declarations/intake.ts';
import { MODEL } from './declarations/model.ts';
import { OPERATION } from './declarations/operation.ts';
import { PROOFS } from './declarations/proofs.ts';
import { WIRING } from './declarations/wiring.ts';
import type { Declaration, Fault } from './fault.ts';

/** At least ten faults for each declaration. */
export const FAULTS: Readonly<Record<Declaration, readonly Fault[]>> = {
  operation: OPERATION,
  event: EVENT,
  engine: ENGINE,
  intake: INTAKE_STAGES,
  wiring: WIRING,
  proofs: PROOFS,
  model: MODEL,
};
