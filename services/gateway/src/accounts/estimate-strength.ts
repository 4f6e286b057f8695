import { ZxcvbnFactory } from '@zxcvbn-ts/core'
import { adjacencyGraphs, dictionary as commonDictionary } from '@zxcvbn-ts/language-common'
import { dictionary as englishDictionary, translations } from '@zxcvbn-ts/language-en'
import type { StrengthVerdict } from './password-rules.ts'

/** The estimator's time grows faster than the length: 64 characters take 0.1 s at the worst. */
const MAX_ESTIMATED_CHARS = 64
/** Ways to read signs as letters (`p4$$w0rd`) that are tried; the default of 100 costs up to 0.35 s. */
const MAX_SUBSTITUTIONS = 10
/** Guesses (as a power of ten) that a new password has to withstand: the estimator's highest score. */
const MIN_GUESSES_LOG10 = 10
/** Words that everybody tries here; the second is the best known example of a passphrase. */
const OWN_WORDS = Object.freeze(['fluxgate', 'correcthorsebatterystaple', 'correct horse battery staple'])
const DEFAULT_ADVICE = 'Use several uncommon words, or a password manager.'

/** Takes half a second and 15 MB for its dictionaries, so it is made once, in the thread that estimates. */
export function createEstimator(): (password: string, context: readonly string[]) => StrengthVerdict {
  const estimator = new ZxcvbnFactory({
    dictionary: { ...commonDictionary, ...englishDictionary },
    graphs: adjacencyGraphs,
    translations,
    maxLength: MAX_ESTIMATED_CHARS,
    l33tMaxSubstitutions: MAX_SUBSTITUTIONS,
  })
  return (password, context) => {
    const words = [...OWN_WORDS, ...context]
    // Of a long password its beginning and its end: one of them being strong is enough.
    const ends =
      password.length <= MAX_ESTIMATED_CHARS
        ? [password]
        : [password.slice(0, MAX_ESTIMATED_CHARS), password.slice(-MAX_ESTIMATED_CHARS)]
    const results = ends.map(end => estimator.check(end, words))
    if (results.some(result => result.guessesLog10 >= MIN_GUESSES_LOG10)) return { kind: 'strong' }
    const { warning, suggestions } = results[0]!.feedback
    const advice = [warning, suggestions[0]].filter(sentence => sentence).join(' ')
    return { kind: 'weak', advice: advice === '' ? DEFAULT_ADVICE : advice }
  }
}
