import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { randomText } from './api-key.ts'

/**
 * A device cookie (OWASP, "Slow Down Online Guessing Attacks with Device Cookies"): it says that this browser has logged
 * in to this account before, so that failures of strangers do not hold up its owner. It opens nothing: the password is
 * still asked for, and each device has a limit of its own.
 */
export interface DeviceCookies {
  readonly maxAgeSeconds: number
  issue(email: string): string
  /** The device's id when the cookie is ours, in time, and of this account. */
  deviceOf(cookie: string | undefined, email: string): string | undefined
}

const DAY_SECONDS = 86_400
const MAX_AGE_SECONDS = 180 * DAY_SECONDS
const KEY_BYTES = 32
const DEVICE_CHARS = 16
/** Ours have 73. */
const MAX_COOKIE_CHARS = 128
const COOKIE = /^([0-9A-Za-z]{16})\.([0-9a-z]{1,10})\.([\w-]{43})$/

/** @param secrets the first signs, all are accepted */
export function deviceCookies(
  secrets: readonly string[],
  random: (size: number) => Uint8Array,
  epochMs: () => number,
): DeviceCookies {
  const keys = secrets.map(secret =>
    Buffer.from(hkdfSync('sha256', secret, '', 'fluxgate device cookie', KEY_BYTES)),
  )
  const sign = (key: Buffer, device: string, issued: string, email: string) =>
    createHmac('sha256', key).update(`${device}.${issued}.${email}`).digest()
  return {
    maxAgeSeconds: MAX_AGE_SECONDS,
    issue(email) {
      const device = randomText(DEVICE_CHARS, random)
      const issued = Math.floor(epochMs() / 1_000).toString(36)
      return `${device}.${issued}.${sign(keys[0]!, device, issued, email).toString('base64url')}`
    },
    deviceOf(cookie, email) {
      if (cookie === undefined || cookie.length > MAX_COOKIE_CHARS) return undefined
      const match = COOKIE.exec(cookie)
      if (!match) return undefined
      const [, device = '', issued = '', signature = ''] = match
      if (epochMs() / 1_000 - Number.parseInt(issued, 36) > MAX_AGE_SECONDS) return undefined
      const given = Buffer.from(signature, 'base64url')
      const isOurs = keys.some(key => timingSafeEqual(given, sign(key, device, issued, email)))
      return isOurs ? device : undefined
    },
  }
}
