import { JSON_TYPE } from '@provider-access/service/http';
import { ref } from '@provider-access/service/operation';
import type { Operation } from './operation.ts';

export const OPS: Readonly<Record<string, Operation>> = {
  'GET /ops/sandbox': {
    tag: 'Operations',
    summary: 'Get the state of the sandbox',
    description: 'Only `npm start -- --sandbox` has this route.',
    answer: {
      description: 'Whether the sandbox is ready, its members, and its ready clients with their keys.',
      type: JSON_TYPE,
      schema: ref('Sandbox'),
    },
    refusals: [],
  },
  'POST /ops/sandbox/reset': {
    tag: 'Operations',
    summary: 'Delete everything in the sandbox and start over',
    description: 'Only `npm start -- --sandbox` has this route. The tokens stay, and the ready clients are new.',
    answer: {
      status: 202,
      description: 'The sandbox starts over. `GET /ops/sandbox` says when it is ready.',
      type: JSON_TYPE,
      schema: ref('Sandbox'),
    },
    refusals: [],
  },
};
