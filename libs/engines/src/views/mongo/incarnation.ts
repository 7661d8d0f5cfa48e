import type { MongoClient, TopologyDescription } from 'mongodb';

/**
 * Counts events between two writes that may have removed the first one, however it was acknowledged. A killed server is
 * reached by new connections only, and after an election the primary is another server. A connection that a growing
 * pool opens counts too, and costs one check more.
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
    if (server.isWritable)
      return `${server.address}/${String(server.electionId ?? '')}/${String(server.topologyVersion?.processId ?? '')}`;
  }
  return undefined;
}
