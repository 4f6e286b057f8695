import { BUCKETS, ClearAddress, isAddressHash, jsonParser } from '@fluxgate/contracts'
import { Bucket, type NatsLink } from '@fluxgate/nats'

/** Look-ups for one page, at the most; further hashes are shown as they are. */
const MAX_LOOKUPS = 100
const AT_ONCE = 20

/** The hashed address with its clear form before it; the text itself where that is not stored (any more). */
export type ShowAddress = (text: string) => string

/** Looks up the clear forms of the addresses of a page; without NATS there are none. */
export async function clearAddresses(link: NatsLink, texts: Iterable<string | null>): Promise<ShowAddress> {
  const bucket = new Bucket(link, BUCKETS.addresses, jsonParser(ClearAddress))
  const hashes = [...new Set(texts)]
    .filter(text => text !== null)
    .filter(isAddressHash)
    .slice(0, MAX_LOOKUPS)
  const clear = new Map<string, string>()
  for (let at = 0; at < hashes.length && link.isConnected(); at += AT_ONCE) {
    const found = await Promise.allSettled(hashes.slice(at, at + AT_ONCE).map(hash => bucket.get(hash)))
    if (found.some(({ status }) => status === 'rejected')) break
    found.forEach((each, i) => {
      if (each.status === 'fulfilled' && each.value) clear.set(hashes[at + i]!, each.value.value.address)
    })
  }
  return text => {
    const address = clear.get(text)
    return address === undefined ? text : `${address} (${text})`
  }
}
