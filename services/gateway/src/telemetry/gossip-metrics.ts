import { expose, type Registry } from '@fluxgate/runtime'
import type { GossipFigures } from '../limits/index.ts'

/** How the sharing of limits goes: a node whose peers are behind, or that hears of none, limits by itself. */
export function gossipMetrics(registry: Registry, figures: () => GossipFigures): void {
  const show = (
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    read: (now: GossipFigures) => number,
  ) => expose(registry, type, { name: `fluxgate_gossip_${name}`, help }, () => [[{}, read(figures())]])
  const help = 'Frames and beats of gossip, by direction.'
  expose(registry, 'counter', { name: 'fluxgate_gossip_frames_total', help }, () => {
    const { sent, received } = figures()
    return [
      [{ direction: 'sent' }, sent],
      [{ direction: 'received' }, received],
    ]
  })
  show('counter', 'unreadable_total', 'Frames that could not be read.', now => now.unreadable)
  show('counter', 'gaps_total', 'Times a peer was asked for what was missed of it.', now => now.asked)
  show('counter', 'gaps_healed_total', 'Times the answer made up for what was missed.', now => now.healed)
  show('counter', 'snapshots_given_total', 'Snapshots given to other nodes.', now => now.answered)
  show(
    'gauge',
    'snapshot_accounts',
    'Accounts in the snapshot that this node began with.',
    now => now.joinedWith,
  )
  show('gauge', 'peers', 'Nodes heard within the last seconds.', now => now.peers)
  show('gauge', 'peers_behind', 'Nodes of which something is missing still.', now => now.behind)
}
