import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { LinkLog } from '../link.ts'
import { type Adopted, readAdopted } from './adopt.ts'
import { Home } from './home.ts'
import { DEFAULT_SPOOL_LIMITS, type SpoolLimits } from './limits.ts'
import { claim, isOwned } from './owner.ts'
import type { SpoolEvent, SpoolRecord } from './record.ts'
import { DAMAGED } from './shelf.ts'
import { Spool } from './spool.ts'
import { syncDirectory } from './writer.ts'

export interface SpoolSettings {
  /** Holds one directory for each process, and those of dead ones until their events are stored. */
  readonly root: string
  /** Names this process's directory: `<node>-<boot>`, the boot an id that sorts by time. */
  readonly node: string
  readonly boot: string
  readonly fsync: 'off' | 'commit'
  readonly limits?: Partial<SpoolLimits>
  /** Earlier events that each new segment repeats at its head, so that older segments can go. */
  readonly carry: () => Iterable<SpoolEvent>
  /** Gets every record that dead processes have left, in order. */
  readonly onRecord: (record: SpoolRecord) => void
  readonly log: LinkLog
}

export interface OpenedSpool {
  readonly spool: Spool
  readonly adopted: readonly Adopted[]
}

const FROM = 'from'
const SEGMENTS = 16
const MIN_SEGMENT_BYTES = 64 * 1024
const MAX_SEGMENT_BYTES = 64 * 1024 ** 2

/** Makes this process's directory, takes over those of dead processes and reads them. */
export function openSpool(settings: SpoolSettings): OpenedSpool {
  const { root, log } = settings
  const limits = { ...DEFAULT_SPOOL_LIMITS, ...settings.limits }
  const path = makeDirectory(root, `${settings.node}-${settings.boot}`)
  if (settings.fsync === 'commit') for (const parent of [path, root, dirname(root)]) syncDirectory(parent)
  const home = new Home(path)
  const adopted = takeDead(root, path).map(dead => readAdopted(dead, settings.onRecord))
  for (const { home: dead, segments, tornBytes, damagedBytes } of adopted) {
    const events = segments.reduce((sum, segment) => sum + segment.unacknowledged, 0)
    log.info({ path: dead.path, events, tornBytes }, 'a spool of a dead process is taken over')
    if (damagedBytes > 0) log.error({ path: dead.path, damagedBytes }, 'a part of a spool cannot be read')
  }
  const segmentBytes = Math.floor(limits.maxBytes / SEGMENTS)
  const options = {
    fsync: settings.fsync,
    carry: settings.carry,
    segmentBytes: Math.min(MAX_SEGMENT_BYTES, Math.max(MIN_SEGMENT_BYTES, segmentBytes)),
  }
  return { spool: new Spool(root, home, adopted, limits, options, log), adopted }
}

/** Under another name until it is claimed, so that nobody takes it for a dead one. */
function makeDirectory(root: string, name: string): string {
  mkdirSync(join(root, DAMAGED), { recursive: true, mode: 0o700 })
  const path = join(root, name)
  const unclaimed = join(root, `.${name}`)
  mkdirSync(join(unclaimed, FROM), { recursive: true, mode: 0o700 })
  claim(unclaimed)
  renameSync(unclaimed, path)
  return path
}

/**
 * Moves the directories of dead processes into our own, where our claim covers them: of two processes that want one,
 * the file system lets one have it. @returns their new paths, oldest first
 */
function takeDead(root: string, own: string): string[] {
  const taken: string[] = []
  const take = (parent: string, name: string): void => {
    const path = join(own, FROM, name)
    try {
      renameSync(join(parent, name), path)
      taken.push(path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    const path = join(root, entry.name)
    if (!entry.isDirectory() || entry.name === DAMAGED || path === own || isOwned(path)) continue
    if (entry.name.startsWith('.')) {
      rmSync(path, { recursive: true, force: true }) // not claimed yet, or removed but for this
      continue
    }
    take(root, entry.name)
  }
  // What they had taken over themselves, and not finished.
  for (let i = 0; i < taken.length; i++) {
    const from = join(taken[i]!, FROM)
    if (existsSync(from)) for (const name of readdirSync(from)) take(from, name)
  }
  const boot = (path: string) => path.slice(path.lastIndexOf('-') + 1)
  return taken.sort((a, b) => (boot(a) < boot(b) ? -1 : 1))
}
