import type { Parsed } from '@fluxgate/contracts'
import type { Desk } from './command.ts'
import { EXIT, Trouble } from './fault.ts'

/** A file of JSON that has to have a form. @throws Trouble */
export async function parsedFile<T>(
  { files }: Desk,
  path: string,
  parse: (bytes: Uint8Array) => Parsed<T>,
): Promise<T> {
  const parsed = parse(Buffer.from(await files.text(path)))
  if (!parsed.ok) throw new Trouble(EXIT.usage, `${path}: ${parsed.reason}`)
  return parsed.value
}
