import { z } from 'zod';
import { isName } from '../model/instance.ts';
import { DURATION_ALLOWED, parseDuration, parseSize, SIZE_ALLOWED } from './units.ts';

/** What messages and docs/configuration.md say of one field. */
export interface FieldText {
  /** What it is for, in one sentence. */
  about: string;
  /** What may stand there, for messages: "… is 6; allowed: …". */
  allowed: string;
  /** Only where the schema has no default of its own, such as "every + 1h". */
  byDefault?: string;
}

/** Texts beside the schemas. Every field of the configuration has one: a test walks the schema. */
export const FIELD_TEXTS = z.registry<FieldText>();

/** Gives a schema its texts. The schema must be a new one: texts belong to the instance. */
export const field = <T extends z.ZodType>(schema: T, text: FieldText): T => {
  FIELD_TEXTS.add(schema, text);
  return schema;
};

/** A string that is turned into something else, or refused with the field's `allowed` text. */
const converted = <T>(convert: (text: string) => T | undefined) =>
  z.string().transform((text, context) => {
    const value = convert(text);
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', input: text }); // problems.ts says value and `allowed`
    return z.NEVER;
  });

const hasNoControls = (text: string) => !/\p{Cc}/u.test(text);
const plain = () => z.string().min(1).refine(hasNoControls);

/** One line of text. */
export const text = (about: string, allowed = 'a text') => field(plain(), { about, allowed });
/** A list of texts with at least one entry. */
export const texts = (about: string, allowed: string) => field(z.array(plain()).min(1), { about, allowed });
export const matching = (pattern: RegExp, about: string, allowed: string) => field(plain().regex(pattern), { about, allowed });
export const absolutePath = (about: string, example = '/var/lib/redis') =>
  matching(/^\//, about, `an absolute path, such as ${example}`);
export const command = (about: string) =>
  texts(about, 'a list of texts: the program and its arguments, such as [redis-server, /etc/redis/redis.conf]');
export const flag = (about: string) => field(z.boolean(), { about, allowed: 'true or false' });

/** Of what we call by name ourselves: an instance, a machine, an application. */
export const NAME_ALLOWED = 'small letters, digits and hyphens, up to 63, such as orders-eu';
export const name = (about: string) => field(z.string().refine(isName), { about, allowed: NAME_ALLOWED });

export const wholeNumber = (about: string, min: number, max: number) =>
  field(z.int().min(min).max(max), { about, allowed: `a whole number from ${min} to ${max}` });

export const oneOf = <const T extends readonly [string, ...string[]]>(values: T, about: string) =>
  field(z.enum(values), { about, allowed: values.join(' or ') });

/** Milliseconds, between two bounds that are written like the value itself. */
export function duration(
  about: string,
  { min = '1s', max = '3650d', byDefault }: { min?: string; max?: string; byDefault?: string } = {},
) {
  const low = parseDuration(min) ?? 0;
  const high = parseDuration(max) ?? 0;
  const within = (ms: number | undefined) => (ms !== undefined && ms >= low && ms <= high ? ms : undefined);
  const schema = converted((value) => within(parseDuration(value)));
  return field(schema, { about, allowed: `${DURATION_ALLOWED}, from ${min} to ${max}`, byDefault });
}

/** Bytes. */
export const size = (about: string) => field(converted(parseSize), { about, allowed: SIZE_ALLOWED });

/** A reference to a secret, never the secret: a bare text is refused without being shown. */
export const SECRET_ALLOWED = '{env: NAME} or {file: /path}; the secret itself never stands in the configuration';
export const secret = (about: string) =>
  field(
    z.union([
      z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }),
      z.strictObject({ file: z.string().min(1).refine(hasNoControls) }),
    ]),
    { about, allowed: SECRET_ALLOWED },
  );

/** A URL of one of the schemes, checked further by `refuse`, which returns a reason or nothing. */
export const url = (
  about: string,
  allowed: string,
  schemes: readonly string[],
  refuse: (url: URL) => string | undefined = () => undefined,
) =>
  field(
    z.string().transform((value, context) => {
      const parsed = URL.canParse(value) ? new URL(value) : undefined;
      const reason = parsed && schemes.includes(parsed.protocol) ? refuse(parsed) : '';
      if (parsed && reason === undefined) return value;
      context.issues.push({ code: 'custom', params: { reason }, input: value });
      return z.NEVER;
    }),
    { about, allowed },
  );

const withoutUser = (parsed: URL) =>
  parsed.username || parsed.password ? 'has a user or password in it; give them in fields of their own' : undefined;
export const httpUrl = (about: string) =>
  url(about, 'a URL that begins with http:// or https://', ['http:', 'https:'], withoutUser);
export const section = <T extends z.ZodType>(about: string, schema: T) =>
  field(schema, { about, allowed: 'a section with fields of its own' });
export const list = <T extends z.ZodType>(about: string, entry: T) => field(z.array(entry), { about, allowed: 'a list' });
