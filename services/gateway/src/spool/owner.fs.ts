import { readFileSync, readlinkSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { jsonParser } from '@fluxgate/contracts'
import Type, { type Static } from 'typebox'

const Text = Type.String({ maxLength: 512 })
/** Who writes to a directory. A process id alone comes again after a restart; with its start it does not. */
const Owner = Type.Object({
  host: Text,
  /** Where the process id means something; absent in what older versions wrote. */
  pidSpace: Type.Optional(Text),
  pid: Type.Integer(),
  started: Text,
})
type Owner = Static<typeof Owner>
const parseOwner = jsonParser(Owner)

const FILE = 'owner'
const MAX_BYTES = 4_096
/**
 * A process whose id cannot be looked up here (of another host, container or PID namespace) counts as dead when it has not
 * renewed its file for so long. Both times are the file system's own.
 */
export const FOREIGN_OWNER_LIMIT_MS = 60_000

/** @param directory one that no other process looks at yet, or our own */
export function claim(directory: string): void {
  const { pid } = process
  const owner: Owner = { host: hostname(), pidSpace: PID_SPACE, pid, started: startOf(pid) ?? '' }
  const path = join(directory, FILE)
  // A reader finds all of it or nothing.
  writeFileSync(`${path}.new`, JSON.stringify(owner))
  renameSync(`${path}.new`, path)
}

/**
 * Renews the claim. @returns the time by the file system's clock, epoch milliseconds
 * @throws ENOENT when another process has taken the directory
 */
export function keepClaim(directory: string): number {
  const path = join(directory, FILE)
  // The same bytes once more: so the file system sets the time, and no clock of ours.
  writeFileSync(path, readFileSync(path), { flag: 'r+' })
  return statSync(path).mtimeMs
}

/** Lets the next process have the directory at once. */
export function giveUp(directory: string): void {
  rmSync(join(directory, FILE), { force: true })
}

/**
 * True when the process that claimed the directory still runs, as far as can be known.
 * @param nowMs by the clock of the directory's file system
 */
export function isOwned(directory: string, nowMs: number): boolean {
  let owner: Owner
  let touchedMs: number
  try {
    const path = join(directory, FILE)
    const { size, mtimeMs } = statSync(path)
    if (size > MAX_BYTES) return false
    const parsed = parseOwner(readFileSync(path))
    if (!parsed.ok) return false
    owner = parsed.value
    touchedMs = mtimeMs
  } catch {
    return false // given up in good order
  }
  if (owner.pidSpace !== PID_SPACE) return nowMs - touchedMs < FOREIGN_OWNER_LIMIT_MS
  if (!isRunning(owner.pid)) return false
  const started = startOf(owner.pid)
  // Without a start to compare, only our own id is known to be another process's from before.
  return started === undefined ? owner.pid !== process.pid : started === owner.started
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** When a process began, in clock ticks since the boot (proc(5), field 22 of `stat`); elsewhere known of ourselves alone. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name before it may hold spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return pid === process.pid ? String(Math.round(performance.timeOrigin)) : undefined
  }
}

/**
 * Processes with the same text see each other's ids: one boot of one kernel, one PID namespace (pid_namespaces(7)). A host's
 * name does not say so: containers of one host may share a name, and one container may have several namespaces.
 */
const PID_SPACE = pidSpace()

function pidSpace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    return `${boot}/${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return hostname()
  }
}
