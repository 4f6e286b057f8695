import { dirname } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { EncodedRecord, LinkLog } from '@fluxgate/nats'
import { type Adopted, readAdopted } from './adopt.fs.ts'
import { Home } from './home.fs.ts'
import { DEFAULT_SPOOL_LIMITS, type SpoolLimits } from './limits.ts'
import type { SpoolRecord } from './record.ts'
import { Spool } from './spool.fs.ts'
import { makeDirectory, type OtherSpools, otherSpools, takeDead } from './take-dead.fs.ts'
import { syncDirectory } from './writer.fs.ts'

export interface SpoolSettings {
  /** Holds one directory for each process, and those of dead ones until their events are stored. */
  readonly root: string
  /** Names this process's directory: `<node>-<boot>`, the boot an id that sorts by time. */
  readonly node: string
  readonly boot: string
  readonly fsync: 'off' | 'commit'
  readonly limits?: Partial<SpoolLimits>
  /** Earlier events that each new segment repeats at its head, so that older segments can go. */
  readonly carry: () => Iterable<EncodedRecord>
  /** Gets every record that dead processes have left, in order. */
  readonly onRecord: (record: SpoolRecord) => void
  /**
   * Another process believed this one to be dead and has taken its directory, with all that was in it: it publishes those
   * events, and ends the requests that were running.
   */
  readonly onTaken?: () => void
  readonly log: LinkLog
}

export interface OpenedSpool {
  readonly spool: Spool
  readonly adopted: readonly Adopted[]
  /** Directories beside our own. */
  others(): OtherSpools
  /**
   * Takes over what processes have left that died meanwhile, and reads it; {@link Spool.addAdopted} puts it in the order of
   * publishing. What could not be read to its end comes again with the next call.
   */
  takeDead(onRecord: (record: SpoolRecord) => void): Promise<Adopted[]>
}

const SEGMENTS = 16
const MIN_SEGMENT_BYTES = 64 * 1024
const MAX_SEGMENT_BYTES = 64 * 1024 ** 2

/** Makes this process's directory, takes over those of dead processes and reads them. */
export function openSpool(settings: SpoolSettings): OpenedSpool {
  const { root, log } = settings
  const limits = { ...DEFAULT_SPOOL_LIMITS, ...settings.limits }
  const isSynced = settings.fsync === 'commit'
  let lives = 0
  const openHome = () => {
    const life = lives++ === 0 ? '' : `.${lives}`
    const path = makeDirectory(root, `${settings.node}-${settings.boot}${life}`)
    if (isSynced) for (const parent of [path, root, dirname(root)]) syncDirectory(parent)
    return new Home(path, isSynced)
  }
  const home = openHome()
  const adopted = takeDead(root, home.path).map(path => {
    const reading = readAdopted(path, isSynced, settings.onRecord)
    for (;;) {
      const step = reading.next()
      if (step.done) return step.value
    }
  })
  for (const each of adopted) report(each, log)
  const segmentBytes = Math.floor(limits.maxBytes / SEGMENTS)
  const options = {
    fsync: settings.fsync,
    carry: settings.carry,
    segmentBytes: Math.min(MAX_SEGMENT_BYTES, Math.max(MIN_SEGMENT_BYTES, segmentBytes)),
  }
  const onTaken = () => {
    settings.onTaken?.()
    return openHome()
  }
  const spool = new Spool(root, home, adopted, limits, options, onTaken, log)
  return {
    spool,
    adopted,
    others: () => otherSpools(root, spool.path),
    async takeDead(onRecord) {
      const more: Adopted[] = []
      const { path: own } = spool
      for (const path of takeDead(root, own, spool.adoptedPaths)) {
        const reading = readAdopted(path, isSynced, onRecord)
        let step = reading.next()
        for (; !step.done; step = reading.next()) await turn()
        report(step.value, log)
        more.push(step.value)
      }
      return more
    },
  }
}

function report({ home, segments, tornBytes, damagedBytes }: Adopted, log: LinkLog): void {
  const events = segments.reduce((sum, segment) => sum + segment.unacknowledged, 0)
  log.info({ path: home.path, events, tornBytes }, 'a spool of a dead process is taken over')
  if (damagedBytes > 0) log.error({ path: home.path, damagedBytes }, 'a part of a spool cannot be read')
}
