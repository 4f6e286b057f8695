import {
  BUCKETS,
  DEADLETTER_STREAM,
  EVENTS,
  IncidentAcknowledged,
  IncidentClosed,
  IncidentJoined,
  IncidentOpened,
  IncidentReported,
  KeyRevoked,
  LetterReplayed,
  LoggedOut,
  OperatorOrdered,
  PolicyChanged,
  STREAMS,
  ThrottleExpired,
  ThrottleImposed,
  ThrottlePardoned,
  ThrottleShadowed,
  TierChanged,
  UserDisabled,
  UserEnabled,
} from '@fluxgate/contracts'
import { DEFAULT_TOPOLOGY, topology } from '@fluxgate/nats'
import {
  asks,
  asksConsumers,
  both,
  buries,
  gets,
  hears,
  inboxOf,
  listens,
  type Permissions,
  reads,
  says,
  sweeps,
  tells,
  tellsBatches,
  watches,
  worksOff,
  writes,
} from './capabilities.ts'

export interface NatsUser extends Permissions {
  readonly name: string
  /** What the user is for. */
  readonly purpose: string
}

const ALL_STREAMS = topology(DEFAULT_TOPOLOGY).map(stream => stream.name!)
const EVENT_STREAMS = Object.values(STREAMS)
const factsOf = (...streams: readonly string[]) => EVENTS.filter(fact => streams.includes(fact.stream))
const subjectsOf = (...streams: readonly string[]) =>
  streams.map(stream => `fluxgate.${stream.toLowerCase()}.>`)

/** Every service asks how the streams are set up before it begins. */
function user(name: string, purpose: string, ...parts: readonly Permissions[]): NatsUser {
  const all = both(asks(ALL_STREAMS), ...parts, listens(inboxOf(name)))
  return { name, purpose, ...all }
}

/** One user for each service, with what it does and nothing else. */
export const USERS: readonly NatsUser[] = Object.freeze([
  user(
    'gateway',
    'Appends what happens to calls and accounts, shares limits with its peers, keeps the buckets that it watches.',
    tells(...factsOf('requests', 'tokens', 'auth'), ThrottleImposed, ThrottlePardoned),
    tellsBatches('requests', 'tokens'),
    buries,
    hears(LoggedOut, KeyRevoked, TierChanged, UserDisabled, UserEnabled),
    reads(STREAMS.requests, STREAMS.refusals, STREAMS.tokens, STREAMS.auth, STREAMS.throttles),
    watches(BUCKETS.throttles, BUCKETS.nodes, BUCKETS.policy),
    writes(BUCKETS.throttles, BUCKETS.nodes, BUCKETS.policy),
    gets(BUCKETS.addressKeys, BUCKETS.addresses),
    writes(BUCKETS.addressKeys, BUCKETS.addresses),
    gossips('gateway'),
  ),
  user(
    'guard',
    'Reads what is used, throttles, opens incidents; one of several leads by a lease.',
    tells(ThrottleImposed, ThrottleExpired, ThrottleShadowed, IncidentOpened, IncidentJoined, PolicyChanged),
    buries,
    reads(...EVENT_STREAMS, `KV_${BUCKETS.leases}`),
    watches(BUCKETS.throttles, BUCKETS.policy),
    writes(BUCKETS.throttles, BUCKETS.policy, BUCKETS.leases),
    sweeps(BUCKETS.throttles),
  ),
  user(
    'incident-reporter',
    'Writes reports on incidents, joins those of one cause, closes the pardoned.',
    tells(IncidentReported, IncidentJoined, IncidentClosed),
    buries,
    reads(...EVENT_STREAMS),
    worksOff(
      STREAMS.incidents,
      'incident-reporter',
      'incident-reporter-model',
      'incident-reporter-print',
      'incident-reporter-webhook',
    ),
    worksOff(STREAMS.throttles, 'incident-reporter-pardons'),
  ),
  user('projection', 'Reads every stream into Postgres.', buries, reads(...EVENT_STREAMS)),
  user(
    'mcp',
    'Answers questions from the log and the buckets; throttles, pardons and closes for those who may.',
    tells(ThrottleImposed, ThrottlePardoned, IncidentAcknowledged, IncidentClosed),
    hears(LoggedOut),
    reads(...EVENT_STREAMS, DEADLETTER_STREAM, `KV_${BUCKETS.leases}`),
    watches(BUCKETS.throttles, BUCKETS.nodes, BUCKETS.policy),
    writes(BUCKETS.throttles),
    gets(BUCKETS.addresses),
  ),
  user(
    'dashboard',
    'Shows the log as it grows; carries out what operators order.',
    tells(ThrottleImposed, ThrottlePardoned, IncidentAcknowledged, IncidentClosed),
    tells(PolicyChanged, OperatorOrdered, LetterReplayed),
    // Dead letters are put back to where they came from; facts about accounts are not, so that no key is ever made here.
    says(
      ...subjectsOf(STREAMS.requests, STREAMS.refusals, STREAMS.tokens, STREAMS.throttles, STREAMS.incidents),
    ),
    asksConsumers(...EVENT_STREAMS, DEADLETTER_STREAM),
    listens(...subjectsOf(...EVENT_STREAMS)),
    reads(...EVENT_STREAMS, DEADLETTER_STREAM, `KV_${BUCKETS.leases}`),
    watches(BUCKETS.throttles, BUCKETS.nodes, BUCKETS.policy),
    writes(BUCKETS.throttles, BUCKETS.policy),
    gets(BUCKETS.addresses),
  ),
  user(
    'forensics',
    'Reads everything, changes nothing.',
    listens(...subjectsOf(...EVENT_STREAMS)),
    reads(...ALL_STREAMS.filter(stream => stream !== `KV_${BUCKETS.addressKeys}`)),
  ),
  user(
    'topology',
    'Makes the streams and buckets, once, before the services start.',
    says(
      ...ALL_STREAMS.flatMap(stream => [
        `$JS.API.STREAM.CREATE.${stream}`,
        `$JS.API.STREAM.UPDATE.${stream}`,
      ]),
    ),
  ),
  {
    name: 'operator',
    purpose: 'A person on call: backups, repairs, imports. Used by no service.',
    publish: ['>'],
    subscribe: ['>'],
  },
])

/** Debits between nodes, on core NATS; an answer goes to the inbox of the node that asked. */
function gossips(name: string): Permissions {
  return {
    publish: ['fluxgate.gossip.>', inboxOf(name)],
    subscribe: ['fluxgate.gossip.>'],
  }
}
