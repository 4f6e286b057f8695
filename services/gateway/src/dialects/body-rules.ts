import { foldedNames } from './members.ts'
import {
  BACKGROUND,
  CACHE_BLOCKS,
  CACHED,
  CONTAINER,
  CONVERSATION,
  DEFERRED,
  PREVIOUS,
  PROMPT,
  type StateField,
} from './stored-state.ts'

/** How the body of one route is checked before its call is admitted. */
export interface BodyRules {
  /** Top-level fields that may name what the model server stores, by name. */
  readonly fields: ReadonlyMap<string, StateField>
  /** Top-level fields below which such fields are looked for. */
  readonly within: readonly string[]
  /** All names that must be there once and in this case, as {@link foldedNames} gives them. */
  readonly folded: ReadonlySet<string>
}

/** What decides who answers and how, and so must be the same for every reader. */
const DECIDING = ['model', 'stream', 'stream_options']

/** @param more other names that must be there once */
function rules(fields: readonly StateField[], within: readonly string[], more: readonly string[] = []) {
  return Object.freeze({
    fields: new Map(fields.map(field => [field.name, field])),
    within,
    folded: foldedNames([...DECIDING, ...more, ...fields.map(({ name }) => name)]),
  })
}

const RESPONSES = rules(
  [PREVIOUS, CONVERSATION, BACKGROUND, PROMPT, CONTAINER, CACHE_BLOCKS],
  ['input', 'tools'],
)
const MESSAGES = rules([CONTAINER, CONVERSATION], ['messages', 'system', 'tools'])
const PLAIN = rules([], [])

/** The one table of what bodies may not name; a route that is not here has no such field. */
const RULES: ReadonlyMap<string, BodyRules> = new Map([
  [
    '/v1/chat/completions',
    rules(
      [CONVERSATION, DEFERRED, CACHE_BLOCKS, CACHED, PREVIOUS],
      ['messages', 'tools', 'extra_body', 'google'],
    ),
  ],
  ['/v1/completions', rules([CACHE_BLOCKS], [])],
  ['/v1/responses', RESPONSES],
  ['/v1/responses/input_tokens', RESPONSES],
  ['/v1/messages', MESSAGES],
  ['/v1/messages/count_tokens', MESSAGES],
  ...['/v1/embeddings', '/v1/moderations', '/v1/rerank', '/v1/images/generations', '/v1/audio/speech'].map(
    path => [path, PLAIN] as const,
  ),
])
/** Of routes that an operator has added. */
const EXTRA = rules([PREVIOUS, CONVERSATION, CONTAINER], ['messages', 'input', 'tools', 'document'])
/** `name` is the older form of `model`. */
const OLLAMA = rules([], [], ['name'])

export function bodyRulesOf(path: string): BodyRules {
  return RULES.get(path) ?? (path.startsWith('/api/') ? OLLAMA : EXTRA)
}
