import { diesAt, everyPoint } from './kill-points/dies-at.ts';

diesAt(everyPoint);
