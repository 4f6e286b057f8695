const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const TIME_CHARS = 10

/** The time in an id that is or ends in a ULID, or is that of an event of a batch, epoch milliseconds. */
export function timeOfId(id: string): number | undefined {
  const ulid = /(?:^|[_-])([0-7][0-9A-HJKMNP-TV-Z]{25})(?:-\d{1,3})?$/i.exec(id)?.[1]
  if (ulid === undefined) return undefined
  let ms = 0
  for (const char of ulid.slice(0, TIME_CHARS).toUpperCase()) ms = ms * 32 + CROCKFORD.indexOf(char)
  return ms
}
