import { findMembers, foldName, splice } from '../dialects/index.ts'
import type { DialectName } from './upstream-spec.ts'

const QUOTE = 0x22

/** A call's body with another name of the model in it, every other byte kept. */
export function withModel(body: Buffer, model: string, dialect: DialectName): Buffer {
  const renamed = spliceText(body, 'model', model)
  // Ollama's older form; `model` wins where both stand.
  return dialect === 'ollama' && renamed === body ? spliceText(body, 'name', model) : renamed
}

/**
 * A JSON object with the value of its top-level member `name` replaced by a string, every other byte kept. Of members
 * that stand there twice all are replaced, because readers differ in which one they take.
 * @param bytes what `JSON.parse` has read as an object
 * @returns the same bytes when there is no such member with a string for its value
 */
export function spliceText(bytes: Buffer, name: string, value: string): Buffer {
  const by = JSON.stringify(value)
  const members = findMembers(bytes, 0, new Set([foldName(name)]))
  const texts = members.filter(member => member.name === name && bytes[member.start] === QUOTE)
  return splice(
    bytes,
    texts.map(({ start, end }) => ({ start, end, by })),
  )
}
