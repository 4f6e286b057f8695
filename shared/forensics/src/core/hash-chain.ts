import { createHash } from 'node:crypto'

/** What the first line of a chain follows from. */
export const CHAIN_START = '0'.repeat(64)
const TAIL = /,"hash":"([0-9a-f]{64})"\}$/
const TAIL_CHARS = ',"hash":"'.length + 64 + '"}'.length

/** SHA-256 over the hash before, in hex, and the line without its own hash. */
export function chainHash(before: string, body: string): string {
  return createHash('sha256').update(before).update(body).digest('hex')
}

/** A JSON object's text with its hash as the last member. */
export function sealed(body: string, before: string): { line: string; hash: string } {
  const hash = chainHash(before, body)
  return { line: `${body.slice(0, -1)},"hash":"${hash}"}`, hash }
}

/** The text that was hashed, and the hash that the line says; undefined for a line that bears none. */
export function unsealed(line: string): { body: string; hash: string } | undefined {
  const hash = TAIL.exec(line)?.[1]
  return hash === undefined ? undefined : { body: `${line.slice(0, -TAIL_CHARS)}}`, hash }
}
