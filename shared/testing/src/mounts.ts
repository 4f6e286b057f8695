import { spawnSync } from 'node:child_process'
import { chmodSync, statSync } from 'node:fs'

const run = (command: string, ...args: string[]) => spawnSync(command, args).status === 0

/** A file system of so many bytes at an empty directory; undefined where none may be mounted. */
export function mountSmallDisk(directory: string, bytes: number): Disposable | undefined {
  if (!run('mount', '-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', directory)) return undefined
  return { [Symbol.dispose]: () => run('umount', '-l', directory) }
}

/**
 * Nothing new can be made in a directory: for whom permissions do not bind, by a mount over it. Files that are open
 * can still be written to. Disposing makes it writable again.
 */
export function makeReadOnly(directory: string): Disposable {
  const { mode } = statSync(directory)
  if (process.getuid?.() !== 0) {
    chmodSync(directory, 0o555)
    return { [Symbol.dispose]: () => chmodSync(directory, mode) }
  }
  const mounted =
    run('mount', '--bind', directory, directory) && run('mount', '-o', 'remount,bind,ro', directory)
  if (!mounted) throw new Error(`${directory} cannot be made read-only`)
  return { [Symbol.dispose]: () => run('umount', '-l', directory) }
}
