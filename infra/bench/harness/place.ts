import { readFile, writeFile } from 'node:fs/promises'

/** Puts text between a document's `<!-- name:begin -->` and `<!-- name:end -->`. */
export async function fillPlace(file: string, name: string, filling: string): Promise<void> {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`]
  const text = await readFile(file, 'utf8')
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${file} has no place for ${name}`)
  await writeFile(file, `${text.slice(0, from)}${begin}\n${filling}\n${text.slice(to)}`)
}
