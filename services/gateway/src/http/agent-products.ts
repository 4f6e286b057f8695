/** An agent is no more than these products, of which a person cannot be told by their own choice of words. */
const MAX_PRODUCTS = 4
const MAX_CHARS = 80
/** Read of the header; the rest is dropped unread. */
const MAX_READ_CHARS = 512
/** `product` or `product/version` (RFC 9110 section 10.1.5), with two numbers of the version, or a word (`OpenAI/Python`). */
const PRODUCT = /([A-Za-z][A-Za-z0-9_.-]{0,31})(?:\/(\d{1,6}(?:\.\d{1,6})?|[A-Za-z]{1,16}))?/y

/**
 * What events keep of a `User-Agent`: names of products and the first two numbers of their versions. Comments (the
 * system, the device, whatever a client writes there) and exact builds, by which one person can be known among many, are
 * dropped.
 */
export function agentProducts(header: string): string {
  const text = header.slice(0, MAX_READ_CHARS)
  const products: string[] = []
  let length = 0
  let depth = 0
  for (let at = 0; at < text.length && products.length < MAX_PRODUCTS; ) {
    const char = text[at]!
    if (char === '(') depth++
    else if (char === ')') depth = Math.max(0, depth - 1)
    else if (depth === 0 && (at === 0 || text[at - 1] === ' ' || text[at - 1] === ')')) {
      PRODUCT.lastIndex = at
      const match = PRODUCT.exec(text)
      if (match) {
        const product = match[2] === undefined ? match[1]! : `${match[1]}/${match[2]}`
        if (length + product.length + 1 > MAX_CHARS) break
        products.push(product)
        length += product.length + 1
        at += match[0].length
        continue
      }
    }
    at++
  }
  return products.join(' ')
}
