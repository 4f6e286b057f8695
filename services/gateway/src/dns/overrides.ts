import { isIP } from 'node:net'
import * as packet from 'dns-packet'
import type { Override } from '../config/index.ts'
import { FLAG, HEADER_BYTES, RCODE, TYPE } from './codes.ts'
import type { DnsLimits } from './limits.ts'
import { type Asker, type DnsQuery, hostName } from './query.ts'
import { type Body, type DnsReply, emptyBody, errorReply, writeReply } from './reply.ts'

export type OverrideTable = (query: DnsQuery) => Override | undefined

/** Finds the override of a query: the exact name first, then the nearest wildcard above it. */
export function overrideTable(overrides: readonly Override[]): OverrideTable {
  const exact = new Map<string, Override>()
  const below = new Map<string, Override>()
  for (const override of overrides) {
    const isWildcard = override.name.startsWith('*.')
    const key = wireName(isWildcard ? override.name.slice(2) : override.name)
    const table = isWildcard ? below : exact
    if (!table.has(key)) table.set(key, override)
  }
  return ({ name }) => {
    const found = exact.get(name)
    if (found !== undefined || below.size === 0) return found
    for (let rest = parentOf(name); rest.length > 1; rest = parentOf(rest)) {
      const wildcard = below.get(rest)
      if (wildcard !== undefined) return wildcard
    }
    return undefined
  }
}

function wireName(name: string): string {
  return `${name
    .split('.')
    .map(label => String.fromCharCode(label.length) + label)
    .join('')}\0`
}

function parentOf(name: string): string {
  return name.slice(name.charCodeAt(0) + 1)
}

/**
 * Answers from a list of addresses, the next one first each `turn`: A and AAAA by the asked type, and NODATA with an
 * SOA (RFC 2308 section 2.2) for all else, so that no HTTPS or SVCB record leads around the gateway.
 * Without any address it is a failure that nobody may keep, not a denial.
 */
export function answerOverride(
  query: DnsQuery,
  addresses: readonly string[],
  turn: number,
  isRecursive: boolean,
  limits: DnsLimits,
): DnsReply {
  const usable = [...new Set(addresses)].filter(address => isIP(address) !== 0)
  const owner = hostName(query)
  if (owner === undefined || usable.length === 0) {
    return errorReply(query, RCODE.servFail, isRecursive, ['notReady', 'no live node'])
  }
  const family = query.type === TYPE.a ? 4 : query.type === TYPE.aaaa ? 6 : 0
  const asked = usable.filter(address => isIP(address) === family)
  const type = family === 6 ? 'AAAA' : 'A'
  const ttl = limits.overrideTtlSeconds
  const first = asked.length === 0 ? 0 : turn % asked.length
  const rotated = [...asked.slice(first), ...asked.slice(0, first)].slice(0, limits.overrideAddresses)
  const answers: packet.Answer[] = rotated.map(data => ({ type, name: owner, ttl, data }))
  const authorities: packet.Answer[] = answers.length > 0 ? [] : [denial(owner, ttl)]
  return {
    message: writeReply(query, localBody(query, isRecursive, answers, authorities)),
    maxAgeSeconds: ttl,
  }
}

function denial(owner: string, ttl: number): packet.Answer {
  const times = { serial: 1, refresh: ttl, retry: ttl, expire: ttl, minimum: ttl }
  return { type: 'SOA', name: owner, ttl, data: { mname: owner, rname: 'nobody.invalid', ...times } }
}

/** RFC 8482 section 4.2: ANY gets one small record, and no upstream is troubled with it. */
export function answerAny(query: DnsQuery, isRecursive: boolean, limits: DnsLimits): DnsReply {
  const owner = hostName(query)
  if (owner === undefined) return errorReply(query, RCODE.refused, isRecursive)
  const ttl = limits.overrideTtlSeconds
  const minimal: packet.Answer = { type: 'HINFO', name: owner, ttl, data: { cpu: 'RFC8482', os: '' } }
  return { message: writeReply(query, localBody(query, isRecursive, [minimal], [])), maxAgeSeconds: ttl }
}

/** AA is set and AD is not: it is our own word, not a validated one (RFC 4035 section 3.2.3). */
function localBody(
  asker: Asker,
  isRecursive: boolean,
  answers: packet.Answer[],
  authorities: packet.Answer[],
): Body {
  const head = emptyBody(asker, RCODE.noError, isRecursive)
  const records = packet.encode({ type: 'response', answers, authorities }).subarray(HEADER_BYTES)
  const bytes = Buffer.concat([head.bytes, records])
  bytes.writeUInt16BE(bytes.readUInt16BE(2) | FLAG.aa, 2)
  bytes.writeUInt16BE(answers.length, 6)
  bytes.writeUInt16BE(authorities.length, 8)
  return { ...head, bytes }
}
