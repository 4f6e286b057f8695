import type { JsonObject } from '@fluxgate/contracts'
import { foldName } from './members.ts'

/**
 * What a body may name by an id of the vendor's account: stored responses, conversations, files, containers. All callers
 * share that account, and what is stored there has no owner here, so that an id of another caller would read their data.
 * Work in the background cannot be settled either: its usage comes with a later call, which is closed.
 *
 * `store` passes: what it stores is read by these fields and by routes that are not on the list, and by nothing else.
 */
export interface StateField {
  readonly name: string
  /** Whether this value names something stored. Null names nothing. */
  readonly isState: (value: unknown, holder: JsonObject) => boolean
  /** What the caller can do. */
  readonly instead: string
}

const always = (): boolean => true
const unlessFalse = (value: unknown): boolean => value !== false
const unlessEmpty = (value: unknown): boolean => !Array.isArray(value) || value.length > 0
const hasId = (value: unknown): boolean =>
  typeof value === 'object' && ((value as JsonObject).id ?? null) !== null
/** An id, or an object with one; `{ "type": "auto" }` begins a new one. */
const isReference = (value: unknown): boolean => typeof value !== 'object' || hasId(value)
/** Anthropic's own skills are the same for all. */
const isOwnSkill = (_id: unknown, { type }: JsonObject): boolean => type !== 'anthropic'

const RESEND = 'send the earlier turns of the conversation whole'
const INLINE = 'send the content itself'
const WAIT = 'wait for the answer, or stream it'
const NEW_CONTAINER = 'let the model server begin a new container'

export const PREVIOUS: StateField = { name: 'previous_response_id', isState: always, instead: RESEND }
export const CONVERSATION: StateField = { name: 'conversation', isState: always, instead: RESEND }
export const CONTAINER: StateField = { name: 'container', isState: isReference, instead: NEW_CONTAINER }
export const CACHED: StateField = { name: 'cached_content', isState: always, instead: INLINE }
export const BACKGROUND: StateField = { name: 'background', isState: unlessFalse, instead: WAIT }
/** xAI: the answer is fetched later by an id. */
export const DEFERRED: StateField = { name: 'deferred', isState: unlessFalse, instead: WAIT }
export const PROMPT: StateField = {
  name: 'prompt',
  isState: always,
  instead: 'send its text in "instructions"',
}
/** vLLM: which blocks of its cache hold the prompt, and the host to read them from. */
export const CACHE_BLOCKS: StateField = {
  name: 'kv_transfer_params',
  isState: always,
  instead: 'send the prompt alone',
}

/** Looked for at every depth of messages, items and tools. */
const NESTED: ReadonlyMap<string, StateField> = new Map(
  [
    CONTAINER,
    CACHED,
    { name: 'file_id', isState: always, instead: INLINE },
    { name: 'file_ids', isState: unlessEmpty, instead: INLINE },
    { name: 'vector_store_ids', isState: unlessEmpty, instead: INLINE },
    { name: 'container_id', isState: always, instead: NEW_CONTAINER },
    { name: 'skill_id', isState: isOwnSkill, instead: 'send its text as instructions' },
    // An answer in audio that the model gave before: `messages[].audio.id` of OpenAI's chat.
    { name: 'audio', isState: hasId, instead: 'send its transcript as content' },
  ].map(field => [foldName(field.name), field]),
)
const LOWER_CASE = 0x20
const LAST_ASCII = 0x7f
/** By length and first letter most names are told apart without folding them. */
const SHAPES: ReadonlySet<number> = new Set(Array.from(NESTED.keys(), shapeOf))

/** What callers and their tools write is data (a tool may have a parameter `file_id`); citations of answers are not read. */
const OPAQUE = new Set([
  ...['parameters', 'input_schema', 'input_examples', 'schema', 'arguments', 'input', 'metadata'],
  ...['annotations', 'citations', 'results'],
])

/** Items of the Responses API that the model server fills in from what it stores, when they hold nothing of their own. */
const ITEM_CONTENT: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['item_reference', []],
  ['image_generation_call', ['result']],
  ['reasoning', ['encrypted_content', 'content']],
])
const ITEM: Omit<StateField, 'isState'> = {
  name: 'id',
  instead: `${RESEND} (reasoning with include: ["reasoning.encrypted_content"])`,
}

/**
 * The first field below one of these that names something stored. It visits objects and arrays, not the text in them; the
 * depth was bounded when the body was read.
 */
export function stateWithin(body: JsonObject, fields: readonly string[]): string | undefined {
  for (const field of fields) {
    const value = body[field]
    if (typeof value !== 'object' || value === null) continue
    const found = nestedState(value) ?? (field === 'input' ? storedItem(value) : undefined)
    if (found) return stateMessage(found)
  }
  return undefined
}

export function stateMessage({ name, instead }: Pick<StateField, 'name' | 'instead'>): string {
  return (
    `The field ${JSON.stringify(name)} is not supported here: it names what the model server stores for all callers ` +
    `of this gateway together. Leave it out and ${instead}.`
  )
}

function nestedState(value: object): StateField | undefined {
  if (Array.isArray(value)) {
    for (const item of value) {
      const found = typeof item === 'object' && item !== null ? nestedState(item) : undefined
      if (found) return found
    }
    return undefined
  }
  const holder = value as JsonObject
  for (const name in holder) {
    const member = holder[name]
    if (member === null) continue
    if (SHAPES.has(shapeOf(name)) || name.charCodeAt(0) > LAST_ASCII) {
      const field = NESTED.get(foldName(name))
      if (field?.isState(member, holder)) return field
    }
    if (typeof member !== 'object' || OPAQUE.has(name)) continue
    const found = nestedState(member as object)
    if (found) return found
  }
  return undefined
}

function shapeOf(name: string): number {
  return name.length * 256 + (name.charCodeAt(0) | LOWER_CASE)
}

function storedItem(items: object): typeof ITEM | undefined {
  return Array.isArray(items) && items.some(isStoredItem) ? ITEM : undefined
}

function isStoredItem(item: unknown): boolean {
  if (typeof item !== 'object' || item === null) return false
  const { id, type, role } = item as JsonObject
  if (typeof id !== 'string') return false
  // The type of a reference may be left out; messages without one have a role.
  const content = (type ?? null) === null ? [] : ITEM_CONTENT.get(type)
  if (content === undefined || role !== undefined) return false
  return content.every(name => isEmpty((item as JsonObject)[name]))
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'string' || Array.isArray(value) ? value.length === 0 : true
}
