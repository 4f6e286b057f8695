import { createReadStream } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Files } from './command.ts'
import { EXIT, UserError } from './user-error.ts'

const OWNER_ONLY = 0o600

export function openFiles(input: Readable): Files {
  return {
    text: path => told(path, readFile(path, 'utf8')),

    async *lines(path) {
      const stream = path === '-' ? input : createReadStream(path)
      const failed = new Promise<never>((_, reject) => stream.once('error', reject))
      failed.catch(() => {})
      const reader = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })
      const lines = reader[Symbol.asyncIterator]()
      try {
        for (;;) {
          const { done, value } = await told(path, Promise.race([lines.next(), failed]))
          if (done) return
          yield value
        }
      } finally {
        reader.close()
        stream.destroy()
      }
    },

    async create(path) {
      const file = await told(path, open(path, 'wx', OWNER_ONLY))
      return {
        write: async lines => void (await told(path, file.write(`${lines.join('\n')}\n`))),
        [Symbol.asyncDispose]: () => file.close(),
      }
    },
  }
}

async function told<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'no such file' : code === 'EEXIST' ? 'exists already' : message
    throw new UserError(EXIT.usage, `${path}: ${reason}`, { cause })
  }
}
