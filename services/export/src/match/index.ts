import type { Provider } from '@nestjs/common';
import { Audit } from '@provider-access/audit';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { Attestations } from './attestations.ts';
import { GuessGuard } from './guess-guard.ts';
import { MatchChunks } from './match-chunks.ts';
import { MatchDecisions } from './match-decisions.ts';
import { MatchKind } from './match-kind.ts';
import { MatchLimits } from './match-limits.ts';
import { MatchSealer } from './match-sealer.ts';
import { NewMatches } from './new-matches.ts';
import { GUARD } from './searching.ts';

export { MATCH_PATH, MatchController } from './match.controller.ts';
export { MatchKind } from './match-kind.ts';
export { FINDER, type FinderFor } from './searching.ts';

/** What matches need beside what every job has. The module also provides FINDER. */
export const MATCHING: readonly Provider[] = [
  {
    provide: GUARD,
    inject: [PORTS, Audit],
    useFactory: (ports: ServicePorts, audit: Audit) => new GuessGuard(ports, audit),
  },
  Attestations,
  MatchChunks,
  MatchDecisions,
  MatchKind,
  MatchLimits,
  MatchSealer,
  NewMatches,
];
