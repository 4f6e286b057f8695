/**
 * Words and walks over the keyboard from which the passwords at the top of every published list of leaks are made.
 * Few of those passwords have twelve characters; those that do are these words, alone, one after another, or with
 * digits and signs around them. So the list holds the words, and `isCommonPassword` the ways of stretching them.
 */
const COMMON_WORDS =
  `password passw0rd passwort motdepasse contrasena contraseña senha parola haslo wachtwoord losenord salasana
  qwerty qwertz azerty qwertyuiop qwertzuiop azertyuiop asdf asdfgh asdfghjkl zxcv zxcvbn zxcvbnm yxcvbnm
  qaz wsx edc rfv tgb yhn qazwsx qazwsxedc wsxedc zaq xsw cde vfr zaqxsw qwe asd zxc qweasd qweasdzxc poiuytrewq
  lkjhgfdsa mnbvcxz qwert asdfg zxcvb trewq
  abc abcd abcde abcdef abcdefg abcdefgh abcdefghi abcdefghij abcdefghijkl
  admin administrator root toor user guest test tester testing demo default system service server master manager
  login letmein welcome access changeme change enter entry open secret private secure security trustno trust
  nopassword mypassword yourpassword thepassword newpassword temppassword temp temporary pass word passphrase
  iloveyou iloveu ilove love loveyou loveme lover lovely babygirl baby babe angel angels princess prince queen king
  sweet sweetheart honey beautiful darling forever together always happy sunshine sunflower flower butterfly rainbow
  dragon monkey tiger lion eagle horse rabbit panda kitty kitten puppy dolphin snoopy bailey buddy fish chicken
  football baseball basketball soccer hockey tennis golf liverpool arsenal chelsea barcelona juventus realmadrid
  manchester united yankees cowboys lakers steelers ronaldo messi
  superman batman spiderman ironman starwars pokemon naruto pikachu minecraft fortnite roblox gandalf matrix
  michael michelle jennifer jessica jordan joshua daniel andrew anthony thomas robert charlie matthew william
  richard ashley nicole hannah amanda melissa sophie maggie ginger pepper summer winter spring autumn
  january february march april may june july august september october november december
  monday tuesday wednesday thursday friday saturday sunday
  computer internet google facebook youtube twitter instagram linkedin amazon apple microsoft windows samsung
  linux ubuntu oracle mysql postgres database docker kubernetes github gitlab jenkins grafana elastic redis cisco
  whatever nothing something anything hello helloworld world goodbye freedom freeuser mother father family
  jesus jesuschrist christ god godisgood blessed heaven church faith hope grace
  money dollar lucky diamond silver golden gold orange banana cookie chocolate cheese coffee pizza
  killer hunter ranger warrior soldier samurai ninja phantom shadow ghost hacker hacking joker
  correct battery staple correcthorsebatterystaple thisismypassword iamtheboss asdasd qweqwe zxczxc
  one two three four five six seven eight nine ten zero mustang corvette ferrari porsche harley yamaha mercedes
  fuck fucker fuckyou fuckoff asshole bitch suck pussy sexy sex hottie
  company corporate office business employee developer operator gateway token apikey api fluxgate
  the is my your and me you i we it in to of for on this that new`
    .split(/\s+/)
    .filter(word => word !== '')

/** What stands for a letter in `p4$$w0rd`. */
const LETTER_OF_SIGN: Readonly<Record<string, string>> = Object.freeze({
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '8': 'b',
  '@': 'a',
  $: 's',
  '!': 'i',
  '€': 'e',
  '+': 't',
})

const WORDS: ReadonlySet<string> = new Set(COMMON_WORDS)
const LONGEST_WORD = Math.max(...COMMON_WORDS.map(word => word.length))
/** Alone between digits, as in `1q2w3e4r5t6y`. */
const WALKED_LETTERS = 'qwertyasdfgh'
/** More digits and signs than these are worth something, whatever words stand among them. */
const MAX_DECORATION = 8
const SHORTEST_CONTEXT = 3
/** Nobody tries longer ones first but repetitions; the bound keeps the search below a millisecond. */
const MAX_SEARCHED_CHARS = 64
const LETTER = /\p{L}/u

/**
 * Whether a password is among the first that anybody would try (ASVS 6.2.4): common words alone or in a row, in
 * whatever case and with signs for letters, with a few digits and signs around and between them; a short text again
 * and again; a row of neighbours. It asks for no kinds of characters (ASVS 6.2.5).
 * @param context words that belong to this account, such as its e-mail address (ASVS 6.2.11)
 */
export function isCommonPassword(password: string, context: readonly string[] = []): boolean {
  const text = password.toLowerCase()
  if (isRepetition(text) || isSequence(text)) return true
  const own = new Set(context.filter(word => word.length >= SHORTEST_CONTEXT).map(word => word.toLowerCase()))
  if (text.length > MAX_SEARCHED_CHARS || !LETTER.test(text)) return false
  return decoration(text, own) <= MAX_DECORATION
}

/** How many digits and signs are left when the words are taken out; Infinity when a letter is. */
function decoration(text: string, own: ReadonlySet<string>): number {
  const longest = Math.max(LONGEST_WORD, ...[...own].map(word => word.length))
  const spelled = Array.from({ length: text.length }, (_, i) => LETTER_OF_SIGN[text[i]!] ?? text[i]).join('')
  const isLetter = Array.from({ length: text.length }, (_, i) => LETTER.test(text[i]!))
  const left = new Array<number>(text.length + 1).fill(Number.POSITIVE_INFINITY)
  left[0] = 0
  for (let from = 0; from < text.length; from++) {
    const before = left[from]!
    if (before > MAX_DECORATION) continue
    const keep = (to: number, after: number) => {
      if (after < left[to]!) left[to] = after
    }
    if (!isLetter[from]) keep(from + 1, before + 1)
    else if (!isLetter[from - 1] && !isLetter[from + 1] && WALKED_LETTERS.includes(text[from]!))
      keep(from + 1, before)
    for (let to = from + 2; to <= Math.min(text.length, from + longest); to++) {
      for (const form of [text, spelled]) {
        const word = form.slice(from, to)
        if (WORDS.has(word) || own.has(word)) keep(to, before)
      }
    }
  }
  return left[text.length]!
}

const LONGEST_UNIT = 16

/** `aaaaaaaaaaaa`, `abcabcabcabc`, `121212121212`: a unit again and again, the last perhaps cut. */
function isRepetition(text: string): boolean {
  for (let unit = 1; unit <= Math.min(LONGEST_UNIT, text.length / 2); unit++) {
    let same = true
    for (let i = unit; same && i < text.length; i++) same = text[i] === text[i - unit]
    if (same) return true
  }
  return false
}

/** `123456789012`, `abcdefghijkl`, `987654321098`: each character the neighbour of the one before. */
function isSequence(text: string): boolean {
  return [1, -1].some(step => {
    for (let i = 1; i < text.length; i++) {
      const distance = text.charCodeAt(i) - text.charCodeAt(i - 1)
      const wraps =
        (step === 1 && text[i - 1] === '9' && text[i] === '0') ||
        (step === -1 && text[i] === '9' && text[i - 1] === '0')
      if (distance !== step && !wraps) return false
    }
    return true
  })
}
