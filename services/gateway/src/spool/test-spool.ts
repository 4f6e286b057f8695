import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EncodedRecord, pendingRecord } from '@fluxgate/nats'
import { silent } from '@fluxgate/nats/testing'
import type { SpooledRecord } from './commits.ts'
import { openSpool, type SpoolSettings } from './open.fs.ts'
import type { Spool } from './spool.fs.ts'

/** A place for the spools of one test; removed with it. */
export function temporaryRoot(): { readonly root: string } & Disposable {
  const root = mkdtempSync(join(tmpdir(), 'fluxgate-spool-'))
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) }
}

let boots = 0

export function open(root: string, settings: Partial<SpoolSettings> = {}) {
  return openSpool({
    root,
    node: 'node',
    boot: String(++boots).padStart(8, '0'),
    fsync: 'off',
    carry: () => [],
    onRecord() {},
    log: silent,
    ...settings,
    limits: { tidyEveryMs: 0, ...settings.limits },
  })
}

export function spoolEvent(number: number, bytes = 40): EncodedRecord {
  const payload = Buffer.from(JSON.stringify({ number }).padEnd(bytes))
  return {
    id: `event-${String(number).padStart(12, '0')}`,
    subject: 'fluxgate.tokens.00.settled.u.k',
    payload,
    part: undefined,
  }
}

export function pending(number: number, bytes?: number): SpooledRecord {
  return pendingRecord(spoolEvent(number, bytes), undefined) as SpooledRecord
}

export const numberOf = (event: EncodedRecord) =>
  (JSON.parse(Buffer.from(event.payload).toString()) as { number: number }).number

export const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

/** Adds events in turns of so many. */
export function fill(spool: Spool, from: number, to: number, perTurn = 50, bytes?: number): void {
  for (let at = from; at < to; at += perTurn) {
    spool.add(range(at, Math.min(to, at + perTurn)).map(number => pending(number, bytes)))
    spool.commit([])
  }
}

/** Takes up to so many events, as a publisher does. */
export function take(spool: Spool, max = Number.POSITIVE_INFINITY): SpooledRecord[] {
  const taken: SpooledRecord[] = []
  while (taken.length < max) {
    const next = spool.next()
    if (!next) break
    taken.push(next)
  }
  return taken
}

/** What a SIGKILL leaves: the directory as it is, and nobody who owns it. */
export function die(root: string): void {
  for (const name of readdirSync(root)) rmSync(join(root, name, 'owner'), { force: true })
}

/** Paths of all segments under a root. */
export function segmentsUnder(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.segment'))
    .sort()
    .map(name => join(root, name))
}
