import type { MongoClient, TopologyDescription } from 'mongodb';

/**
 * Counts what may come between two writes so that the first is gone when the second arrives, however it was acknowledged: a server
 * that was killed is reached by new connections only, and a primary that lost an election is another server. A connection
 * that a growing pool makes is counted too; that costs one look more.
 */
export class Incarnation {
  number = 0;
  #primary = '';

  constructor(client: MongoClient) {
    client.on('connectionCreated', () => this.number++);
    client.on('topologyDescriptionChanged', ({ newDescription }) => {
      const primary = primaryOf(newDescription);
      if (primary === undefined || primary === this.#primary) return;
      this.#primary = primary;
      this.number++;
    });
  }
}

function primaryOf({ servers }: TopologyDescription): string | undefined {
  for (const server of servers.values()) {
    if (server.isWritable) return `${server.address}/${String(server.electionId ?? '')}/${String(server.topologyVersion?.processId ?? '')}`;
  }
  return undefined;
}
