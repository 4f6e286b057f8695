import { isObject, type Json } from './request.ts'

/** An event in the log, as a prompt cites it. */
export interface Reference {
  readonly stream: string
  readonly sequence: number
  /** Of an event in its batch. */
  readonly index?: number
}

const CITED = [
  /\b(?<stream>[A-Z][A-Z_]{2,31}):(?<sequence>[1-9]\d{0,15})(?:\.(?<index>\d{1,3}))?\b/g,
  /"stream"\s*:\s*"(?<stream>[^"]{1,32})"\s*,\s*"sequence"\s*:\s*(?<sequence>[1-9]\d{0,15})(?:\s*,\s*"index"\s*:\s*(?<index>\d{1,3}))?/g,
  /"sequence"\s*:\s*(?<sequence>[1-9]\d{0,15})\s*,\s*"stream"\s*:\s*"(?<stream>[^"]{1,32})"/g,
]

/** References in a text, as `STREAM:sequence.index` or as JSON, each once, in their order. */
export function findReferences(text: string): Reference[] {
  const found = new Map<string, { at: number; reference: Reference }>()
  for (const match of CITED.flatMap(pattern => [...text.matchAll(pattern)])) {
    const stream = match.groups?.stream ?? ''
    const sequence = Number(match.groups?.sequence)
    const index = match.groups?.index
    const name = `${stream}:${sequence}.${index}`
    const reference = index === undefined ? { stream, sequence } : { stream, sequence, index: Number(index) }
    if (!found.has(name)) found.set(name, { at: match.index, reference })
  }
  return [...found.values()].sort((a, b) => a.at - b.at).map(({ reference }) => reference)
}

/** Those in what the prompt is about; instructions may hold examples, which count only when there are no others. */
export function referencesFor(subject: string, prompt: string): Reference[] {
  const found = findReferences(subject)
  return found.length > 0 ? found : findReferences(prompt)
}

/** True unless the schema lists other values. */
export function fits(reference: Reference, schema: Json): boolean {
  const properties = isObject(schema.properties) ? schema.properties : {}
  return Object.entries(reference).every(([name, value]) => {
    const property = properties[name]
    return !isObject(property) || !Array.isArray(property.enum) || property.enum.includes(value)
  })
}

/** An object of `stream` and `sequence`, and perhaps `index`. */
export function isReferenceSchema(schema: Json): boolean {
  if (!isObject(schema.properties)) return false
  const names = Object.keys(schema.properties)
  const isKnown = names.every(name => name === 'stream' || name === 'sequence' || name === 'index')
  return isKnown && names.includes('stream') && names.includes('sequence')
}
