import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'

/** Who writes to a directory. A process id alone comes again after a restart; with its start it does not. */
interface Owner {
  readonly host: string
  readonly pid: number
  readonly started: string
}

const FILE = 'owner'
/** A process of another host (or container) counts as dead when its file has not been touched for so long. */
export const FOREIGN_OWNER_LIMIT_MS = 60_000

export function claim(directory: string): void {
  const owner: Owner = { host: hostname(), pid: process.pid, started: startOf(process.pid) ?? '' }
  writeFileSync(join(directory, FILE), JSON.stringify(owner))
}

export function keepClaim(directory: string): void {
  const now = new Date()
  utimesSync(join(directory, FILE), now, now)
}

/** Lets the next process have the directory at once. */
export function giveUp(directory: string): void {
  rmSync(join(directory, FILE), { force: true })
}

/** True when the process that claimed the directory still runs, as far as can be known. */
export function isOwned(directory: string): boolean {
  let owner: Owner
  let touchedMs: number
  try {
    owner = JSON.parse(readFileSync(join(directory, FILE), 'utf8')) as Owner
    touchedMs = statSync(join(directory, FILE)).mtimeMs
  } catch {
    return false // given up in good order, or torn as it was written
  }
  if (owner.host !== hostname()) return Date.now() - touchedMs < FOREIGN_OWNER_LIMIT_MS
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

/** When a process began: boot id and clock ticks (proc(5), field 22 of `stat`); elsewhere known of ourselves alone. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name before it may hold spaces and parentheses.
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}/${ticks}`
  } catch {
    return pid === process.pid ? String(Math.round(performance.timeOrigin)) : undefined
  }
}
