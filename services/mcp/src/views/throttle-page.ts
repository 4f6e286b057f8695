import { type ThrottleEntry, ToolError } from '../backends/index.ts'

/** Newest first; what has ended and was not removed yet is left out. */
export function throttlesInForce(entries: readonly ThrottleEntry[], nowMs: number): ThrottleEntry[] {
  return entries
    .filter(({ throttle }) => throttle.until > nowMs)
    .sort((a, b) => b.throttle.imposedAt - a.throttle.imposedAt || (a.identity < b.identity ? -1 : 1))
}

/** A page of a list in the order of {@link throttlesInForce}; `cursor` is the `next` of the page before. */
export function throttlePage(
  entries: readonly ThrottleEntry[],
  limit: number,
  cursor: string | undefined,
): { items: ThrottleEntry[]; next: string | undefined } {
  const rest = cursor === undefined ? entries : entries.filter(isAfter(cursor))
  const items = rest.slice(0, limit)
  const last = items.at(-1)
  return { items, next: last && rest.length > limit ? cursorOf(last) : undefined }
}

function cursorOf({ identity, throttle }: ThrottleEntry): string {
  return Buffer.from(`${throttle.imposedAt} ${identity}`).toString('base64url')
}

function isAfter(cursor: string): (entry: ThrottleEntry) => boolean {
  const place = /^(\d{1,16}) ([\w-]+\.[\w-]+)$/.exec(Buffer.from(cursor, 'base64url').toString())
  if (!place) {
    throw new ToolError('FLUXGATE_BAD_CURSOR', 'Invalid cursor. Leave it out to start with the newest.')
  }
  const [imposedAt, identity] = [Number(place[1]), place[2]!]
  return ({ throttle, identity: other }) =>
    throttle.imposedAt < imposedAt || (throttle.imposedAt === imposedAt && other > identity)
}
