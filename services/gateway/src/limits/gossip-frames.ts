import { jsonParser, TierName } from '@fluxgate/contracts'
import Type, { type Static } from 'typebox'

/** Of one message: about half of what nats-server takes by default (1 MiB), with the longest identities. */
export const MAX_ROWS = 2_000
/** Peers that are remembered, those that are silent too. */
export const MAX_PEERS = 64

const IdentityText = Type.String({ maxLength: 129 })
const Count = Type.Integer({ minimum: 0 })
/** `boot` names one run of a node; `seq` is the number of its latest frame. */
const sender = {
  node: Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$' }),
  boot: Type.String({ maxLength: 64 }),
  seq: Count,
}

/** What the sender took from an identity's limits since the frame before; `streams` is how many it runs now. */
const FrameRow = Type.Object({
  id: IdentityText,
  tier: TierName,
  /** The sender's busy time of this identity; see `Account`. */
  busy: Count,
  tokens: Type.Number(),
  requests: Type.Number(),
  streams: Count,
})
/** Frames with rows are numbered without gaps; one without rows repeats the last number. */
const Frame = Type.Object({ ...sender, rows: Type.Array(FrameRow, { maxItems: MAX_ROWS }) })
export type Frame = Static<typeof Frame>
export const parseFrame = jsonParser(Frame)

/** Answers come in parts; those of one answer are true at one moment, that of frame `seq`. */
const part = { ...sender, isLast: Type.Boolean() }

const Owed = Type.Object({ total: Type.Number(), owed: Type.Number() })
const OwnRow = Type.Object({
  id: IdentityText,
  tier: TierName,
  busy: Count,
  tokens: Owed,
  requests: Owed,
  streams: Count,
})
/** All that the sender itself took. */
const OwnPart = Type.Object({ ...part, rows: Type.Array(OwnRow, { maxItems: MAX_ROWS }) })
export type OwnPart = Static<typeof OwnPart>
export type OwnRow = Static<typeof OwnRow>
export const parseOwnPart = jsonParser(OwnPart)

const PeerRow = Type.Object({
  /** Index in `peers`. */
  peer: Count,
  busy: Count,
  tokens: Type.Number(),
  requests: Type.Number(),
  streams: Count,
})
const WholeRow = Type.Object({
  id: IdentityText,
  tier: TierName,
  /** What its full buckets would have more. */
  tokens: Type.Number(),
  requests: Type.Number(),
  /** Whose debits are in that. */
  // The name on the wire, which nodes of other versions read.
  heard: Type.Array(PeerRow, { maxItems: MAX_PEERS + 1 }),
})
/** All that the sender knows: its own run is the first of `peers`. */
const WholePart = Type.Object({
  ...part,
  peers: Type.Array(Type.Object({ ...sender, isBehind: Type.Boolean() }), { maxItems: MAX_PEERS + 1 }),
  rows: Type.Array(WholeRow, { maxItems: MAX_ROWS }),
})
export type WholePart = Static<typeof WholePart>
export type WholeRow = Static<typeof WholeRow>
export const parseWholePart = jsonParser(WholePart)
