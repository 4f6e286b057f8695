/** RFC 5321 section 4.5.3.1: what a path can hold, without its brackets. */
const MAX_EMAIL_CHARS = 254
const MAX_LOCAL_CHARS = 64
/** As browsers check `<input type=email>` (HTML standard, section 4.10.5.1.5): ASCII, no quotes, no comments. */
const EMAIL =
  /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/

/** The address in the one form in which it is kept and compared, or undefined when it is none. */
export function normaliseEmail(text: string): string | undefined {
  if (text.length > MAX_EMAIL_CHARS * 2) return undefined
  const email = text.trim().toLowerCase()
  if (email.length > MAX_EMAIL_CHARS || email.indexOf('@') > MAX_LOCAL_CHARS) return undefined
  return EMAIL.test(email) ? email : undefined
}
