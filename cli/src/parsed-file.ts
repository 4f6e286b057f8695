import type { Parsed } from '@fluxgate/contracts'
import type { CliContext } from './command.ts'
import { EXIT, UserError } from './user-error.ts'

/** A file of JSON that has to have a form. @throws UserError */
export async function parsedFile<T>(
  { files }: CliContext,
  path: string,
  parse: (bytes: Uint8Array) => Parsed<T>,
): Promise<T> {
  const parsed = parse(Buffer.from(await files.text(path)))
  if (!parsed.ok) throw new UserError(EXIT.usage, `${path}: ${parsed.reason}`)
  return parsed.value
}
