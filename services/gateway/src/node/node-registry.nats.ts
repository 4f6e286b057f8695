import { BUCKETS, GatewayNode, jsonParser } from '@fluxgate/contracts'
import { Bucket, type NatsLink, NODE_TTL_MS, type Watch, watchBucket } from '@fluxgate/nats'

const HEARTBEAT_MS = 3_000

export interface NodeRegistry extends AsyncDisposable {
  /** The gateways that have renewed their record in time, this one included, in the order of their ids. */
  live(): GatewayNode[]
}

/** Keeps this node's record in bucket `nodes` fresh and watches the others'; leaves at once when disposed. */
export async function joinNodes(
  link: NatsLink,
  self: Omit<GatewayNode, 'heartbeat'>,
  epochMs: () => number,
): Promise<NodeRegistry> {
  const bucket = new Bucket(link, BUCKETS.nodes, jsonParser(GatewayNode))
  const beat = () =>
    bucket.put(self.node, { ...self, heartbeat: epochMs() }).catch(error => {
      link.log.warn({ err: error, node: self.node }, 'node record not renewed')
    })
  await beat()
  const watch: Watch<GatewayNode> = await watchBucket(link, bucket)
  const timer = setInterval(() => link.isConnected() && beat(), HEARTBEAT_MS)
  return {
    live() {
      const oldest = epochMs() - NODE_TTL_MS
      const nodes = [...watch.entries.values()].filter(node => node.heartbeat >= oldest)
      return nodes.sort((a, b) => (a.node < b.node ? -1 : 1))
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      if (link.isConnected()) await bucket.delete(self.node).catch(() => {})
      await watch[Symbol.asyncDispose]()
    },
  }
}
