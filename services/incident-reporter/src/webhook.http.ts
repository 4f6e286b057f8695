import { type Notification, webhookHeaders } from './notification.ts'

export interface WebhookSettings {
  readonly url: string
  readonly secret: Uint8Array
  readonly timeoutMs: number
}

/** A receiver that says the webhook is gone for good: HTTP 410. */
export class WebhookGone extends Error {}

/** Sends a notification; rejects unless the receiver takes it with 2xx. Redirects are not followed. */
export function openWebhook({ url, secret, timeoutMs }: WebhookSettings, nowMs: () => number) {
  return async (notification: Notification, signal: AbortSignal): Promise<void> => {
    const { id, ...payload } = notification
    const body = JSON.stringify(payload)
    const response = await fetch(url, {
      method: 'POST',
      headers: webhookHeaders(secret, id, Math.floor(nowMs() / 1_000), body),
      body,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    })
    await response.body?.cancel()
    if (response.status === 410) throw new WebhookGone('the receiver says that it is gone')
    if (!response.ok) throw new Error(`the receiver answered ${response.status}`)
  }
}
