import type { MongoClient, TopologyDescription } from 'mongodb';

/**
 * Counts events after which an acknowledged write may be lost: a new connection, because the server may have been
 * killed, and a new primary. A connection of a growing pool counts too, and only causes an additional check.
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
