import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { jsonParser } from '@fluxgate/contracts'
import Type from 'typebox'

/** What a backup's folder holds: written last, so that a folder without it is no whole backup. */
export const MANIFEST_FILE = 'manifest.json'

const BackupFile = Type.Object({
  /** Relative to the folder. */
  file: Type.String({ pattern: '^[A-Za-z0-9_.-]{1,100}$' }),
  bytes: Type.Integer({ minimum: 0 }),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
})
const StreamBackup = Type.Object({
  ...BackupFile.properties,
  stream: Type.String({ minLength: 1 }),
  messages: Type.Integer({ minimum: 0 }),
  lastSequence: Type.Integer({ minimum: 0 }),
  /** When the stream was made, as the checkpoints of the projection name it; backups of the first edition have none. */
  created: Type.Optional(Type.String({ maxLength: 64 })),
  /** As the server told them, for its own restore: fields that this version does not know included. */
  config: Type.Record(Type.String(), Type.Unknown()),
  state: Type.Record(Type.String(), Type.Unknown()),
})
const DatabaseBackup = Type.Object({
  ...BackupFile.properties,
  /** Roles of the server that the dump grants to, and which of them are members of which: no part of a dump. */
  roles: Type.Array(Type.String({ pattern: '^fluxgate_[a-z_]+$' })),
  memberships: Type.Array(Type.Object({ role: Type.String(), member: Type.String() })),
})
const Manifest = Type.Object({
  version: Type.Literal(1),
  madeAt: Type.String(),
  database: Type.Optional(DatabaseBackup),
  streams: Type.Array(StreamBackup, { maxItems: 100 }),
})

export type BackupFile = Type.Static<typeof BackupFile>
export type StreamBackup = Type.Static<typeof StreamBackup>
export type DatabaseBackup = Type.Static<typeof DatabaseBackup>
export type Manifest = Type.Static<typeof Manifest>

const parseManifest = jsonParser(Manifest)

/** Something that the operator must know of; the message is all that is shown. */
export class BackupFault extends Error {
  readonly code = 'FLUXGATE_BACKUP'
}

export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  await writeFile(join(folder, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`, {
    mode: 0o600,
    flag: 'wx',
    flush: true,
  })
}

/** @throws {BackupFault} when the folder holds no whole backup, or one of its files is not as it was written */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, MANIFEST_FILE)
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new BackupFault(`${path} cannot be read: this is no finished backup`, { cause })
  })
  const parsed = parseManifest(bytes)
  if (!parsed.ok) throw new BackupFault(`${path} is not understood: ${parsed.reason}`)
  const { streams, database } = parsed.value
  for (const part of [...streams, ...(database ? [database] : [])]) await checkFile(folder, part)
  return parsed.value
}

async function checkFile(folder: string, part: BackupFile): Promise<void> {
  const path = join(folder, part.file)
  const size = await stat(path).then(
    found => found.size,
    () => undefined,
  )
  if (size === undefined) throw new BackupFault(`${path} is missing`)
  if (size !== part.bytes) throw new BackupFault(`${path} has ${size} bytes, and had ${part.bytes}`)
  if ((await hashOf(path)) !== part.sha256) {
    throw new BackupFault(`${path} is damaged: its SHA-256 is not the manifest's`)
  }
}

export async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
