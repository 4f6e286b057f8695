import { type FSWatcher, watch } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'

/** A larger file is a mistake. */
const MAX_FILE_BYTES = 4 * 1024 * 1024
/** An editor may empty the file before it writes it: the last change counts. */
const SETTLE_MS = 100

export interface FileEvents {
  /** The text has changed. */
  onText(text: string): void
  /** It cannot be read any more. */
  onFault(reason: string): void
}

/** The whole text of a file. Errors say what is wrong with it in words. */
export async function readText(path: string): Promise<string> {
  await using file = await open(path)
  const { size } = await file.stat()
  if (size > MAX_FILE_BYTES) throw new Error(`it is larger than ${MAX_FILE_BYTES} bytes`)
  return await file.readFile('utf8')
}

/**
 * Tells of changes of a file. Its folder is watched, not the file: editors and atomic writers put a new file in the
 * old one's place, and Kubernetes swaps a link beside it. Where watching does not work (network disks, no watches
 * left), looking at it every `pollMs` finds the change.
 */
export function watchFile(path: string, current: string, pollMs: number, events: FileEvents): Disposable {
  let text: string | undefined = current
  let stamp = ''
  let settling: NodeJS.Timeout | undefined
  let isReading = false
  let isStopped = false

  const look = async (): Promise<void> => {
    // A change during a reading is found by the next look.
    if (isReading || isStopped) return
    isReading = true
    try {
      stamp = await stampOf(path)
      const found = await readText(path)
      if (isStopped || found === text) return
      text = found
      events.onText(found)
    } catch (error) {
      const isNews = text !== undefined
      text = undefined
      if (isNews && !isStopped) events.onFault((error as Error).message)
    } finally {
      isReading = false
    }
  }
  const changed = () => {
    clearTimeout(settling)
    settling = setTimeout(() => void look(), SETTLE_MS)
  }
  const poll = setInterval(() => {
    void stampOf(path).then(
      found => found !== stamp && changed(),
      () => text !== undefined && changed(),
    )
  }, pollMs)
  poll.unref()
  const watcher = watchFolder(path, changed)
  // Between the first reading and the watch it may have changed.
  changed()
  return {
    [Symbol.dispose]() {
      isStopped = true
      clearInterval(poll)
      clearTimeout(settling)
      watcher?.close()
    },
  }
}

async function stampOf(path: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(path)
  return `${mtimeMs} ${size} ${ino}`
}

function watchFolder(path: string, changed: () => void): FSWatcher | undefined {
  const name = basename(path)
  try {
    const watcher = watch(dirname(resolve(path)), { persistent: false }, (_event, file) => {
      if (file === null || file === name || file.startsWith('..')) changed()
    })
    // The folder may go, or the watches run out: polling goes on.
    watcher.on('error', () => watcher.close())
    return watcher
  } catch {
    return undefined
  }
}
