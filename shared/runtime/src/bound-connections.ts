import type { Server } from 'node:http'

/** Connections beyond `max` are closed as they come: each costs memory before anybody has said who they are. */
export function boundConnections(server: Server, max: number): void {
  server.maxConnections = max
}
