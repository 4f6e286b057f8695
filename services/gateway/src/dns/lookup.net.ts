import { lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import * as packet from 'dns-packet'
import { FLAG, RCODE } from './codes.ts'
import type { DnsReply } from './reply.ts'
import type { Malformed } from './wire.ts'

type Resolve = (query: Uint8Array) => Promise<DnsReply | Malformed>

interface Found {
  readonly address: string
  readonly family: 4 | 6
}

/** RFC 6761 section 6.3: never asked of a server. */
const LOOPBACK: readonly Found[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
]

/**
 * A `lookup` for sockets that asks `resolve` for A and AAAA at once, IPv4 first. The family that answers second
 * gets `graceMs` (RFC 8305 section 3). Errors carry `ENOTFOUND` for names without addresses, `EAI_AGAIN` for failures.
 */
export function createLookup(resolve: Resolve, isForwarding: boolean, graceMs: number): LookupFunction {
  return (hostname, options, callback) => {
    const wanted = familyOf(options.family)
    const reply = (found: readonly Found[], error?: NodeJS.ErrnoException) => {
      const first = found[0]
      if (first === undefined) callback(error ?? lookupError(hostname, 'ENOTFOUND'), '')
      else if (options.all === true) callback(null, [...found])
      else callback(null, first.address, first.family)
    }
    const name = hostname.toLowerCase().replace(/\.$/, '')
    if (name === 'localhost' || name.endsWith('.localhost')) {
      const loopback = LOOPBACK.filter(({ family }) => wanted === 0 || family === wanted)
      return queueMicrotask(() => reply(loopback))
    }
    const ask = async (family: 4 | 6) => addressesOf(await resolve(addressQuery(name, family)), family)
    const families = wanted === 0 ? ([4, 6] as const) : ([wanted] as const)
    void together(families.map(ask), graceMs).then(({ found, rcodes }) => {
      if (found.length > 0) return reply(found)
      // Names that only the system knows still resolve where no DoH upstream is set.
      const isOutside = !isForwarding && rcodes.includes(RCODE.refused)
      if (isOutside) return systemLookup(hostname, options, callback)
      reply([], lookupError(hostname, rcodes.includes(RCODE.servFail) ? 'EAI_AGAIN' : 'ENOTFOUND'))
    })
  }
}

function familyOf(family: number | string | undefined): 0 | 4 | 6 {
  if (family === 4 || family === 'IPv4') return 4
  return family === 6 || family === 'IPv6' ? 6 : 0
}

function addressQuery(name: string, family: 4 | 6): Buffer {
  const type = family === 4 ? 'A' : 'AAAA'
  return packet.encode({ type: 'query', id: 0, flags: FLAG.rd, questions: [{ type, name }] })
}

interface Part {
  readonly rcode: number
  readonly found: readonly Found[]
}

function addressesOf(reply: DnsReply | Malformed, family: 4 | 6): Part {
  // A host name that does not even make a query does not exist.
  if ('fault' in reply) return { rcode: RCODE.nxDomain, found: [] }
  const rcode = reply.message.readUInt16BE(2) & FLAG.rcode
  if (rcode !== RCODE.noError) return { rcode, found: [] }
  const type = family === 4 ? 'A' : 'AAAA'
  const found = (packet.decode(reply.message).answers ?? []).flatMap(answer =>
    answer.type === type && typeof answer.data === 'string' ? [{ address: answer.data, family }] : [],
  )
  return { rcode, found }
}

/** What all parts found in their order; those that come later than `graceMs` after the first find are left out. */
async function together(
  parts: readonly Promise<Part>[],
  graceMs: number,
): Promise<{ found: Found[]; rcodes: number[] }> {
  const done: (Part | undefined)[] = parts.map(() => undefined)
  let timer: NodeJS.Timeout | undefined
  await new Promise<void>(resolve => {
    parts.forEach((part, index) => {
      void part
        .catch((): Part => ({ rcode: RCODE.servFail, found: [] }))
        .then(settled => {
          done[index] = settled
          if (!done.includes(undefined)) resolve()
          else if (settled.found.length > 0) timer = setTimeout(resolve, graceMs)
        })
    })
  })
  clearTimeout(timer)
  const settled = done.filter(part => part !== undefined)
  return { found: settled.flatMap(part => part.found), rcodes: settled.map(part => part.rcode) }
}

function lookupError(hostname: string, code: 'ENOTFOUND' | 'EAI_AGAIN'): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code} ${hostname} (DNS over HTTPS)`), {
    code,
    hostname,
    syscall: 'lookup',
  })
}
