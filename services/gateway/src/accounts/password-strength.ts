/** How hard a password is to guess: interface of the estimator in `out`, which works in a thread of its own. */
export interface PasswordStrength {
  /** @param context words that belong to the account, such as its e-mail address (ASVS 6.2.11) */
  estimate(password: string, context: readonly string[]): Promise<StrengthVerdict>
}

export type StrengthVerdict =
  | { readonly kind: 'strong' }
  /** `advice`: what makes it easy to guess and what would help, in sentences. */
  | { readonly kind: 'weak'; readonly advice: string }
  /** The estimator has too much to do or does not answer. */
  | { readonly kind: 'busy' }
