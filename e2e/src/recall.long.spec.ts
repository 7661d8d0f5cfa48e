import { test } from 'vitest';
import { cliPlatform } from './cli-platform.ts';
import { plantedRecall } from './planted-recall.ts';

const world = cliPlatform();

test.each([1, 2, 3])('round %i: finds every release of a planted wrong batch, and nothing else', () =>
  plantedRecall(world, { members: 40, steps: 200 }),
);
