import type { JsonObject } from '@fluxgate/contracts'

export interface PromptText {
  readonly text: string
  readonly images: number
  /** Numbers, each of which is the id of a token. */
  readonly tokenIds: number
}

const MAX_DEPTH = 12
const MEDIA = new Set<unknown>(['image', 'image_url', 'input_image', 'input_audio'])

/** The texts below the given fields, tools as the JSON that they are, and how many images or sounds stand beside them. */
export function promptText(body: JsonObject, fields: readonly string[]): PromptText {
  const found: Found = { texts: [], images: 0, tokenIds: 0 }
  for (const field of [...fields, 'images']) {
    if (field === 'tools' && body.tools) found.texts.push(JSON.stringify(body.tools))
    else collect(found, field, body[field], MAX_DEPTH)
  }
  return { text: found.texts.join('\n'), images: found.images, tokenIds: found.tokenIds }
}

interface Found {
  readonly texts: string[]
  images: number
  tokenIds: number
}

function collect(found: Found, name: string, value: unknown, depth: number): void {
  if (typeof value === 'string') {
    // What Ollama's `images` hold is base64 without a mark.
    if (name === 'images' || value.startsWith('data:')) found.images++
    else found.texts.push(value)
    return
  }
  if (typeof value === 'number') found.tokenIds++
  if (typeof value !== 'object' || value === null || depth === 0) return
  if (Array.isArray(value)) for (const item of value) collect(found, name, item, depth - 1)
  else if (MEDIA.has((value as JsonObject).type)) found.images++
  else for (const key in value) collect(found, key, (value as JsonObject)[key], depth - 1)
}
