import { answerText } from './answer-text.ts'
import { parseObject } from './call-body.ts'
import type { Counted, CountRequest } from './count.ts'
import { dialectNamed } from './dialect-of-path.ts'
import { promptText } from './prompt-text.ts'

/** Byte-pair merges take time with the square of a text without spaces: it is counted in pieces. */
const MAX_PIECE_CHARS = 512
/** What a chat's template adds to each message (OpenAI's cookbook, "How to count tokens with tiktoken"). */
const MESSAGE_TOKENS = 3
/** What most models make of an image of common size; its own size would have to be decoded. */
const IMAGE_TOKENS = 1_000

type CountPiece = (text: string) => number

/** Counts the tokens of a call's prompt and answer; undefined when it took too long. */
export function counted(ask: CountRequest, count: CountPiece, isLate: () => boolean): Counted | undefined {
  const prompt = ask.body ? promptTokens(ask.dialect, ask.body, count, isLate) : 0
  if (prompt === undefined) return undefined
  const text = ask.answer ? answerText(ask.answer.form, ask.answer.bytes) : ''
  const completion = textTokens(text, count, isLate)
  return completion === undefined ? undefined : { prompt, completion }
}

function promptTokens(
  dialect: CountRequest['dialect'],
  bytes: Buffer,
  count: CountPiece,
  isLate: () => boolean,
): number | undefined {
  const body = parseObject(bytes)
  if (!body.ok) return 0
  const { text, images, tokenIds } = promptText(body.value, dialectNamed(dialect).promptFields)
  const messages = Array.isArray(body.value.messages) ? body.value.messages.length : 0
  const tokens = textTokens(text, count, isLate)
  return tokens === undefined
    ? undefined
    : tokens + messages * MESSAGE_TOKENS + images * IMAGE_TOKENS + tokenIds
}

/** Pieces end before a space where they can: tokens begin with theirs, so that the sum is that of the whole. */
export function textTokens(text: string, count: CountPiece, isLate: () => boolean): number | undefined {
  let tokens = 0
  for (let from = 0; from < text.length; ) {
    if (isLate()) return undefined
    const limit = from + MAX_PIECE_CHARS
    const space = limit < text.length ? text.lastIndexOf(' ', limit) : -1
    const end = space > from ? space : limit
    tokens += count(text.slice(from, end))
    from = end
  }
  return tokens
}
