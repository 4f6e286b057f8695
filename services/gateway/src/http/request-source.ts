/** What a request says of the page that sent it. */
export interface RequestSource {
  readonly secFetchSite: string | undefined
  readonly origin: string | undefined
  /** Host and port that were asked. */
  readonly host: string | undefined
}

/**
 * Whether a request that changes something may be answered: it comes from a page of ours, or from no page at all.
 * Browsers say where from in `Sec-Fetch-Site` (over TLS and on loopback) and in `Origin` (with each POST and DELETE),
 * and no page can set either; a request with neither is no browser's and has no cookie that its sender did not put in.
 * @param origins where further pages of ours are served from
 */
export function isFromOwnPage(
  { secFetchSite, origin, host }: RequestSource,
  origins: readonly string[],
): boolean {
  if (origin !== undefined && origins.includes(origin)) return true
  if (secFetchSite !== undefined) return secFetchSite === 'same-origin' || secFetchSite === 'none'
  if (origin === undefined) return true
  return host !== undefined && URL.parse(origin)?.host === host
}
