import { X509Certificate } from 'node:crypto'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** From the day before it is made; macOS takes none that is valid for longer. */
const VALID_DAYS = 825
const DAY_MS = 86_400_000

/** Reads the configured pair, or the development pair in `directory`, which it makes once (key mode 0600). */
export async function loadTls(
  files: { certPath: string; keyPath: string } | undefined,
  directory: string,
  names: readonly string[],
): Promise<TlsPair> {
  if (files) return readPair(files.certPath, files.keyPath)
  const certPath = join(directory, 'cert.pem')
  const keyPath = join(directory, 'key.pem')
  try {
    const pair = await readPair(certPath, keyPath)
    if (!new X509Certificate(pair.cert).ca) return pair
    // Earlier versions made an authority: whoever trusts it, trusts whatever its key signs.
    for (const path of [certPath, keyPath]) await rm(path, { force: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  // Many modules, that nothing needs once the pair is there.
  const { generate } = await import('selfsigned')
  const made = await generate([{ name: 'commonName', value: names[0] ?? 'localhost' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - DAY_MS),
    notAfterDate: new Date(Date.now() + (VALID_DAYS - 1) * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...names.map(value => ({ type: 2 as const, value })),
          { type: 7 as const, ip: '127.0.0.1' },
          { type: 7 as const, ip: '::1' },
        ],
      },
    ],
  })
  await mkdir(directory, { recursive: true })
  try {
    await writeFile(keyPath, made.private, { mode: 0o600, flag: 'wx' })
    await writeFile(certPath, made.cert)
  } catch (error) {
    // Another node on this machine made it at the same time: use that one.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return retryRead(certPath, keyPath)
  }
  await chmod(keyPath, 0o600)
  return { cert: made.cert, key: made.private }
}

export async function readPair(certPath: string, keyPath: string): Promise<TlsPair> {
  const [cert, key] = await Promise.all([readFile(certPath, 'utf8'), readFile(keyPath, 'utf8')])
  return { cert, key }
}

async function retryRead(certPath: string, keyPath: string): Promise<TlsPair> {
  const TRIES = 20
  for (let tries = 1; ; tries++) {
    try {
      return await readPair(certPath, keyPath)
    } catch (error) {
      if (tries === TRIES) throw error
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}

/** A ticket's key that leaks opens the recorded connections of this time only. */
const TICKETS_EVERY_MS = 6 * 3_600_000

/** Changes the keys of session tickets every few hours. */
export function rotateTicketKeys(renewTickets: () => void): Disposable {
  const timer = setInterval(renewTickets, TICKETS_EVERY_MS)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** A certificate chain and its key, both PEM. */
export interface TlsPair {
  readonly cert: string
  readonly key: string
}
