import { diesAt, oneOfEachKind } from './kill-points/dies-at.ts';

// The suite `long` tries every point, which takes a quarter of the time of `npm test`.
diesAt(oneOfEachKind);
