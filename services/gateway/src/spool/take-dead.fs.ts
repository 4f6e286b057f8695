import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { claim, FOREIGN_OWNER_LIMIT_MS, isOwned, keepClaim } from './owner.fs.ts'

/** Holds what a process has taken over, in its own directory. */
const FROM = 'from'
const REMOVED = '.removed-'
/** Segments that could not be read whole, for a person to look at. */
export const DAMAGED = 'damaged'

/** Directories of other processes beside our own. */
export interface OtherSpools {
  readonly alive: number
  /** Of processes that are dead: their events wait for somebody to take them over. */
  readonly dead: number
}

/** Under another name until it is claimed, so that no process takes it for a dead one. */
export function makeDirectory(root: string, name: string): string {
  mkdirSync(join(root, DAMAGED), { recursive: true, mode: 0o700 })
  const path = join(root, name)
  const unclaimed = join(root, `.${name}`)
  mkdirSync(join(unclaimed, FROM), { recursive: true, mode: 0o700 })
  claim(unclaimed)
  renameSync(unclaimed, path)
  return path
}

/** Looks at all directories beside our own, and takes none. */
export function otherSpools(root: string, own: string): OtherSpools {
  const nowMs = keepClaim(own)
  let alive = 0
  let dead = 0
  for (const path of spoolsBeside(root, own)) {
    if (isOwned(path, nowMs)) alive++
    else if (existsSync(path)) dead++
  }
  return { alive, dead }
}

/**
 * Moves the directories of dead processes into our own, where our claim covers them: of two processes that want one,
 * the file system lets one have it. @returns their new paths, oldest first; those that `known` names are left out
 */
export function takeDead(root: string, own: string, known: ReadonlySet<string> = new Set()): string[] {
  const nowMs = keepClaim(own)
  removeUnfinished(root, nowMs)
  const taken = readdirSync(join(own, FROM)).map(name => join(own, FROM, name))
  const take = (path: string, name: string): void => {
    const target = join(own, FROM, name)
    if (!move(path, target)) return
    // Its process may have come back between our look and the move.
    if (!isOwned(target, nowMs) || !move(target, path)) taken.push(target)
  }
  for (const path of spoolsBeside(root, own)) {
    if (!isOwned(path, nowMs)) take(path, basename(path))
  }
  // What they had taken over themselves, and not finished.
  for (let i = 0; i < taken.length; i++) {
    const from = join(taken[i]!, FROM)
    if (existsSync(from)) for (const name of readdirSync(from)) take(join(from, name), name)
  }
  const boot = (path: string) => path.slice(path.lastIndexOf('-') + 1)
  return taken.filter(path => !known.has(path)).sort((a, b) => (boot(a) < boot(b) ? -1 : 1))
}

function spoolsBeside(root: string, own: string): string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter(entry => entry.isDirectory() && entry.name !== DAMAGED && !entry.name.startsWith('.'))
    .map(entry => join(root, entry.name))
    .filter(path => path !== own)
}

/** Removes a directory; out of sight first, so that a process that is killed meanwhile leaves nothing that looks like a spool. */
export function removeDirectory(root: string, path: string): void {
  const hidden = join(root, `${REMOVED}${basename(path)}`)
  renameSync(path, hidden)
  rmSync(hidden, { recursive: true, force: true })
}

/**
 * Removes directories whose making or removing a kill has cut short. One that is young may just be being made: its process
 * has not claimed it yet.
 */
function removeUnfinished(root: string, nowMs: number): void {
  for (const name of readdirSync(root)) {
    if (!name.startsWith('.')) continue
    const path = join(root, name)
    const changedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? nowMs
    const isOld = nowMs - changedMs >= FOREIGN_OWNER_LIMIT_MS && !isOwned(path, nowMs)
    if (!isOld && !name.startsWith(REMOVED)) continue
    try {
      rmSync(path, { recursive: true, force: true })
    } catch {
      // Another process removes it at the same time; what it leaves goes with the next look.
    }
  }
}

function move(path: string, target: string): boolean {
  try {
    renameSync(path, target)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return false
  }
}
